"""What a new desk lacks is said from what there is, leads where it is done, and is gone when nothing is lacking."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settlement import operations
from settlement.models import LedgerAccount
from settlement.operations.parties import PartyNameTaken, WholeDeskOnly
from tests import factories
from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_rooms import POLL, poll_url, text
from trading import first_steps
from trading.lib import clock
from users import operations as user_operations
from users.capabilities import MissingCapability
from users.models import AuditEvent, Counterparty, Role, User

TITLE = "Before the first trade"


def left(user: User) -> list[str]:
    return [str(step.title) for step in first_steps.steps(reader=user) if not step.is_done]


@pytest.fixture
def first(db: None) -> User:
    """One of the first two of a desk that has nothing else."""
    return factories.founders()[0]


def test_an_empty_desk_says_all_of_it_with_ways_to_begin(first: User) -> None:
    page = text(verified_client(first).get("/"))

    assert TITLE in page
    assert f"0 of {len(first_steps.KINDS)} done" in page
    assert len(left(first)) == len(first_steps.KINDS)
    links = re.findall(r'<a href="([^"]+)"', page.partition("first-steps")[2].partition("</section>")[0])
    assert len(links) == len(first_steps.KINDS)
    client = verified_client(first)
    for link in set(links):
        assert client.get(link.replace("&amp;", "&")).status_code == 200, link


def test_each_step_is_done_by_doing_it_and_at_the_end_there_is_nothing_to_say(first: User) -> None:
    assert "Write down a client" in left(first)
    market = factories.market()
    assert left(first) == ["Let the desk's people in", "Link their Telegram accounts", "Give the desk a bank account"]
    scene.person("olga", Role.OPS)
    user_operations.link_telegram(user=market.tara, telegram_id=7, now=clock.now())
    assert TITLE in text(verified_client(first).get("/"))
    account = factories.account(None)

    assert left(first) == []
    assert TITLE not in text(verified_client(first).get("/"))
    operations.end_bank_account(ref=account.ref, actor=first, reason=factories.REASON, now=clock.now())
    assert left(first) == ["Give the desk a bank account"]


def test_it_leads_nowhere_one_may_not_go_and_is_the_whole_desks(first: User) -> None:
    auditor = scene.person("audrey", Role.AUDITOR)
    steps = {str(step.title): step for step in first_steps.steps(reader=auditor)}
    assert steps["Write down a client"].url == ""
    assert steps["See a reference rate"].url == "/rates/"
    assert "/counterparties/new/" not in text(verified_client(auditor).get("/"))

    assert first_steps.steps(reader=factories.narrowed(factories.user("ops"))) == []


def test_it_costs_one_query_and_polls_none(first: User) -> None:
    client = verified_client(first)
    url = poll_url(text(client.get("/")))
    with CaptureQueriesContext(connection) as asked:
        first_steps.steps(reader=first)
    assert len(asked) <= 2  # what they may do is read once, too
    assert TITLE not in text(client.get(url.replace("v=", "v=other"), headers=POLL))


# --- a new counterparty ----------------------------------------------------------------------


def new(client: Client, **fields: str) -> tuple[int, str]:
    answer = client.post("/counterparties/new/", {"name": "Cedar Imports", "kind": "client"} | fields, follow=True)
    return answer.status_code, answer.content.decode()


def test_a_counterparty_is_written_down_with_its_accounts(console: Client, olga: User) -> None:
    scene.market()
    assert 'href="/counterparties/new/"' in text(console.get("/counterparties/"))
    assert 'value="lp" selected' in text(console.get("/counterparties/new/?kind=lp"))

    status, page = new(console, name="  Cedar   Imports ")

    made = Counterparty.objects.get(name="Cedar Imports")
    assert (status, "Record what was checked" in page, made.kind) == (200, True, "client")
    codes = LedgerAccount.objects.filter(counterparty=made).order_by("code").values_list("asset", flat=True)
    assert list(codes) == ["EUR", "USDT"]
    event = AuditEvent.objects.get(name="counterparty.created", subject_ref=made.ref)
    assert (event.actor, event.after) == (olga, {"name": "Cedar Imports", "kind": "client"})


def test_one_of_the_same_name_and_one_without_are_refused(console: Client) -> None:
    new(console)
    status, page = new(console, name="CEDAR IMPORTS", kind="lp")
    assert (status, "There is a counterparty Cedar Imports already" in page) == (409, True)
    assert 'value="CEDAR IMPORTS"' in page
    for wrong in ({"name": " "}, {"kind": "other"}, {"name": "x" * 201}):
        assert new(console, **wrong)[0] == 422
    assert Counterparty.objects.count() == 1


def test_only_who_makes_logins_for_the_whole_desk_makes_one(db: None) -> None:
    approver, narrow = scene.person("adele", Role.APPROVER), factories.narrowed(factories.user("ops"))
    for actor, refusal in ((approver, MissingCapability), (narrow, WholeDeskOnly)):
        with pytest.raises(refusal):
            operations.admit_counterparty(name="Cedar", kind="client", actor=actor, now=clock.now())
    assert verified_client(approver).get("/counterparties/new/").status_code == 403
    ops = factories.user("ops")
    operations.admit_counterparty(name="Cedar", kind="client", actor=ops, now=clock.now())
    with pytest.raises(PartyNameTaken):
        operations.admit_counterparty(name="cedar", kind="lp", actor=ops, now=clock.now())
