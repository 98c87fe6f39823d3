"""What the database itself refuses about disputes, whoever asks and whatever the code says."""

import hashlib
from typing import Any

import pytest
from django.db import IntegrityError

from rfq.models import Dispute, DisputeAttachment, DisputeNote, Fill
from tests import factories
from tests.factories import REASON, Market, assigned, desk_login_of, dispute, noted, resolved, withdrawn
from tests.probes import refused, sql
from trading.lib import clock
from users.models import User


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def fill(market: Market) -> Fill:
    return factories.fill(market)


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops", username="olga")


def row(fill: Fill, **changes: Any) -> Dispute:
    """A dispute that could be inserted as it is, but for the changes."""
    now = clock.now()
    facts: dict[str, Any] = {
        "fill": fill,
        "party": fill.client,
        "opened_by": fill.accepted_by,
        "kind": "price",
        "text": REASON,
    }
    facts |= {"idempotency_key": factories.unique("row"), "opened_at": now, "updated_at": now}
    return Dispute(**(facts | changes))


def test_only_a_party_of_the_trade_disputes_it_in_its_own_name(market: Market, fill: Fill, olga: User) -> None:
    with refused("DP01"):
        row(fill, party=market.northwind, opened_by=olga).save()
    with refused("DP02"):
        row(fill, party=market.client, opened_by=market.leo).save()
    row(fill, opened_by=olga).save()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "weather"},
        {"text": "short"},
        {"outcome": "upheld"},
        {"resolution": REASON},
        {"closed_at": factories.NOON},
        {"assigned_at": factories.NOON},
        {"status": "resolved"},
    ],
    ids=str,
)
def test_no_dispute_is_born_otherwise_than_open(fill: Fill, changes: dict[str, Any]) -> None:
    with refused("check constraint|has no step"):
        row(fill, **changes).save()


def test_a_second_live_one_of_the_party_is_refused(market: Market, fill: Fill) -> None:
    first = dispute(fill)
    with pytest.raises(IntegrityError, match="dispute_one_live"):
        row(fill).save()
    withdrawn(first, market.tara)
    row(fill).save()


def test_what_was_said_is_frozen_and_nothing_is_removed(market: Market, fill: Fill, olga: User, owner: Any) -> None:
    made = assigned(dispute(fill), olga)
    note = noted(made, olga)
    for column, value in (("text", f"{REASON} Or not."), ("kind", "amount"), ("ref", "DSP-OTHER"), ("party_id", 0)):
        with refused("may only change"):
            sql(f"update rfq_dispute set {column} = %s where id = %s", value, made.pk)  # noqa: S608
    for statement in (f"delete from rfq_dispute where id = {made.pk}", "truncate rfq_dispute cascade"):  # noqa: S608
        with pytest.raises(Exception, match="never changed or removed"):
            owner.execute(statement)
    for statement in (
        f"update rfq_disputenote set is_internal = true where id = {note.pk}",  # noqa: S608
        f"delete from rfq_disputenote where id = {note.pk}",  # noqa: S608
    ):
        with pytest.raises(Exception, match="never changed or removed"):
            owner.execute(statement)
    assert DisputeNote.objects.get(pk=note.pk).text == note.text


def test_steps_that_there_are_not_are_refused(market: Market, fill: Fill, olga: User) -> None:
    made = dispute(fill)
    with refused("has no step open>resolved"):
        sql("update rfq_dispute set status = 'resolved' where id = %s", made.pk)
    with refused("dispute_handled_by_somebody"):
        sql("update rfq_dispute set status = 'assigned' where id = %s", made.pk)
    with refused("DP04"):
        sql("update rfq_dispute set assigned_to_id = %s where id = %s", market.tara.pk, made.pk)


def test_what_is_over_never_changes(market: Market, fill: Fill, olga: User) -> None:
    for end in (lambda one: resolved(assigned(one, olga), olga), lambda one: withdrawn(one, market.tara)):
        over = end(dispute(fill))
        for change in ("status = 'open'", "outcome = 'agreed'", "assigned_to_id = null", "updated_at = now()"):
            with refused("DP03"):
                sql(f"update rfq_dispute set {change} where id = %s", over.pk)  # noqa: S608
        with refused("DP03"):
            _note(over, olga).save()


def test_who_took_part_or_never_had_it_resolves_nothing(market: Market, fill: Fill, olga: User) -> None:
    made = assigned(dispute(fill), olga)
    oscar, second = factories.user("ops"), desk_login_of(market.leo)
    end = "status = 'resolved', outcome = 'upheld', resolution = text, closed_at = now()"
    with refused("DP05"):
        sql(f"update rfq_dispute set {end}, assigned_to_id = %s where id = %s", oscar.pk, made.pk)  # noqa: S608
    sql("update rfq_dispute set assigned_to_id = %s where id = %s", second.pk, made.pk)
    with refused("DP06"):
        sql(f"update rfq_dispute set {end} where id = %s", made.pk)  # noqa: S608


def test_parties_write_only_to_the_desk_and_only_in_their_own(market: Market, fill: Fill) -> None:
    made = dispute(fill)
    with refused("DP07"):
        _note(made, market.tara, is_internal=True).save()
    with refused("DP07"):
        _note(made, market.leo).save()
    with refused("dispute_note_meaningful"):
        _note(made, market.tara, text="hm").save()


def _note(about: Dispute, author: User, **changes: Any) -> DisputeNote:
    facts = {"dispute": about, "author": author, "text": REASON, "is_internal": False, "added_at": clock.now()}
    return DisputeNote(**(facts | {"idempotency_key": factories.unique("note")} | changes))


def test_files_are_the_partys_own_bounded_true_to_their_sum_and_never_change(
    market: Market, fill: Fill, olga: User
) -> None:
    made = dispute(fill)
    kept = factories.attached(made, market.tara)

    for author in (olga, market.leo):
        with refused("DP08"):
            _file(made, author).save()
    for wrong in ({"sha256": "0" * 64}, {"size": 4}, {"content": b"", "size": 0}):
        with refused("DP09"):
            _file(made, market.tara, **wrong).save()
    for statement in ("update rfq_disputeattachment set name = 'other'", "delete from rfq_disputeattachment"):
        with refused("permission denied"):
            sql(statement)
    for number in range(9):
        factories.attached(made, market.tara, f"file {number}".encode())
    with refused("DP10"):
        _file(made, market.tara).save()
    withdrawn(made, market.tara)
    with refused("DP03"):
        _file(made, market.tara).save()
    assert bytes(DisputeAttachment.objects.get(pk=kept.pk).content) == b"0.9213\n"


def _file(about: Dispute, sender: User, **changes: Any) -> DisputeAttachment:
    content = b"one more"
    facts = {"dispute": about, "sent_by": sender, "name": "a.txt", "media_type": "text/plain", "content": content}
    facts |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "added_at": clock.now()}
    return DisputeAttachment(**(facts | {"idempotency_key": factories.unique("file")} | changes))
