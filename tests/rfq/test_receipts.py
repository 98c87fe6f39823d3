"""A receipt says what its reader may know, is signed once, and whatever is changed in it is found out."""

import base64
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pypdf
import pytest
from django.core.management import call_command
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from rfq import operations
from rfq.models import Fill, Receipt
from rfq.operations.receipts import ReceiptNotYet
from rfq.papers import receipts as papers
from rfq.receipts import books, envelope
from rfq.receipts.envelope import Verdict
from tests import factories
from tests.concurrency.threads import at_once
from tests.factories import Market
from tests.probes import refused, sql
from trading.lib import clock, documents, signing
from trading.lib.errors import Forbidden, NotFound
from users.models import AuditEvent, User

LANGUAGES = ["en", "fa", "ar", "ru", "tr"]


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def settled(market: Market) -> Fill:
    return factories.settled(market)


def issue(fill: Fill, actor: User) -> Receipt:
    return operations.issue_receipt(trade_ref=fill.ref, actor=actor, now=clock.now())


def facts(receipt: Receipt) -> dict[str, Any]:
    return dict(json.loads(receipt.facts))


def pdf_of(reader: User, fill: Fill) -> bytes:
    return documents.make(reader.pk, papers.wanted(fill.ref)).content


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


# --- issuing --------------------------------------------------------------------------------


def test_receipt_is_signed_once_and_given_again(market: Market, settled: Fill) -> None:
    first = issue(settled, market.tara)
    again = operations.issue_receipt(trade_ref=settled.rfq.ref, actor=market.tara, now=clock.now())

    assert again == first
    assert pdf_of(market.tara, settled) == pdf_of(market.tara, settled)
    event = AuditEvent.objects.get(name="receipt.issued")
    assert (event.subject_ref, event.after["digest"]) == (first.ref, first.digest)


def test_first_issue_by_many_at_once_is_one_receipt(market: Market, settled: Fill) -> None:
    made = at_once([lambda: issue(settled, market.tara).pk for _number in range(4)])

    assert len(set(made)) == 1
    assert Receipt.objects.count() == 1
    assert AuditEvent.objects.filter(name="receipt.issued").count() == 1


def test_unsettled_trade_has_no_receipt(market: Market) -> None:
    fill = factories.fill(market)

    with pytest.raises(ReceiptNotYet):
        issue(fill, market.tara)


def test_strangers_trade_is_not_found(market: Market, settled: Fill) -> None:
    for stranger in (factories.user("trader"), market.mina):
        with pytest.raises(NotFound):
            issue(settled, stranger)
    issue(settled, market.tara)
    with pytest.raises(NotFound):
        pdf_of(market.mina, settled)


def test_who_reads_no_settlements_gets_none(settled: Fill) -> None:
    with pytest.raises(Forbidden):
        issue(settled, factories.user("service"))


def test_database_refuses_another_receipt_of_the_same_side(market: Market, settled: Fill) -> None:
    made = issue(settled, market.tara)
    copied = {field.name: getattr(made, field.name) for field in Receipt._meta.fields}

    with refused("receipt_once"):
        Receipt.objects.create(**(copied | {"id": None, "ref": "RCT-OTHER", "digest": "other"}))
    with refused("permission denied"):
        sql("update rfq_receipt set facts = '{}'")


# --- who may know what ----------------------------------------------------------------------


def test_client_learns_its_price_and_no_lp(market: Market, settled: Fill) -> None:
    receipt = issue(settled, market.tara)
    said = facts(receipt)
    event = AuditEvent.objects.get(name="fill.booked")

    assert said["price"] == f"{settled.price:.4f}"
    assert (said["side"], said["party"]["name"], said["destination"]) == ("buy", market.client.name, "balance")
    assert said["reference"]["mid"] == "0.92"
    for secret in (market.meridian.name, market.meridian.ref, f'"{settled.lp_price:.4f}"', "markup"):
        assert secret not in receipt.facts
    from users import audit  # noqa: PLC0415 - for this once

    assert audit.event_digest(event).hex() not in receipt.facts  # the LP's price could be tried out from it


def test_lp_learns_its_price_and_no_client(market: Market, settled: Fill) -> None:
    receipt = issue(settled, market.leo)
    said = facts(receipt)

    assert (said["side"], said["price"]) == ("sell", f"{settled.lp_price:.4f}")
    words = receipt.facts + text_of(pdf_of(market.leo, settled))
    for secret in (
        market.client.name,
        market.client.ref,
        f"{settled.price:.4f}",
        "cover",
        "transaction",
        "destination",
    ):
        assert secret not in words


def test_the_desks_own_says_all(market: Market, settled: Fill) -> None:
    said = facts(issue(settled, factories.user("ops")))

    assert (said["client"]["ref"], said["lp"]["ref"]) == (market.client.ref, market.meridian.ref)
    assert (said["price"], said["lp_price"]) == (f"{settled.price:.4f}", f"{settled.lp_price:.4f}")
    assert said["markup_amount"] == f"{settled.quote.markup_amount:.2f}"


def test_desk_person_of_another_scope_gets_none(settled: Fill) -> None:
    narrow = factories.narrowed(factories.user("ops"))

    with pytest.raises(NotFound):
        issue(settled, narrow)


# --- checking -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_paper_is_valid_in_every_language_and_says_the_facts(market: Market, settled: Fill, language: str) -> None:
    receipt = issue(settled, market.tara)
    with translation.override(language):
        content = pdf_of(market.tara, settled)
    found = envelope.check(content)

    assert (found.verdict, found.facts) == (Verdict.VALID, facts(receipt))
    assert receipt.ref in text_of(content)
    assert settled.ref in text_of(content)
    held = pypdf.PdfReader(io.BytesIO(content)).attachments
    assert held["facts.json"][0].decode() == receipt.facts
    assert envelope.check(held["receipt.json"][0]).verdict == Verdict.VALID


def test_any_altered_byte_is_found_out(market: Market, settled: Fill) -> None:
    issue(settled, market.tara)
    content = pdf_of(market.tara, settled)

    @given(st.integers(0, len(content) - 1), st.integers(1, 255))
    @settings(max_examples=60, deadline=None, database=None)
    def altered(place: int, change: int) -> None:
        forged = bytearray(content)
        forged[place] ^= change
        assert envelope.check(bytes(forged)).verdict != Verdict.VALID

    altered()
    for forged in (content + b" ", content[:-1], content.replace(b"%PDF-1", b"%PDF-2")):
        assert envelope.check(forged).verdict == Verdict.ALTERED


def test_altered_amount_in_the_json_is_found_out(market: Market, settled: Fill) -> None:
    whole = json.loads(papers.enveloped(issue(settled, market.tara)))
    whole["receipt"]["base_amount"] = "999999.000000"

    assert envelope.check(json.dumps(whole).encode()).verdict == Verdict.ALTERED


def test_reformatted_json_stays_valid(market: Market, settled: Fill) -> None:
    whole = json.loads(papers.enveloped(issue(settled, market.tara)))

    assert envelope.check(json.dumps(whole, indent=2).encode()).verdict == Verdict.VALID


def test_another_key_is_unknown_until_it_is_named_as_an_old_one(market: Market, settled: Fill, settings: Any) -> None:
    issue(settled, market.tara)
    content = pdf_of(market.tara, settled)
    old = next(iter(signing.keys().values()))
    settings.RECEIPT_SIGNING_KEY = b"k" * 32
    assert envelope.check(content).verdict == Verdict.UNKNOWN_KEY

    settings.RECEIPT_OLD_KEYS = [old]
    assert envelope.check(content).verdict == Verdict.VALID
    assert list(signing.keys().values())[1] == old


@pytest.mark.parametrize("content", [b"", b"{}", b"%PDF-1.4 nothing", b'{"format":"usdt-desk-receipt"}', b"[" * 9999])
def test_what_is_no_receipt_is_said_to_be_none(content: bytes) -> None:
    assert envelope.check(content).verdict == Verdict.NOT_A_RECEIPT


def test_books_agree_until_they_change(market: Market, settled: Fill, owner: Any) -> None:
    issue(settled, market.tara)
    found = envelope.check(pdf_of(market.tara, settled))
    assert books.compare(found, reader=None).agree

    sql("update settlement_settlement set settled_at = settled_at + interval '1 hour'")
    held = books.compare(found, reader=None)
    assert held.is_issued
    assert [one.name for one in held.differences] == ["settled_at"]
    assert not books.compare(found, reader=factories.narrowed(factories.user("ops"))).is_issued


# --- the commands ---------------------------------------------------------------------------


def verify(path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    try:
        call_command("receipt_verify", str(path), "--json", *options, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_command_tells_each_verdict_by_its_exit_code(
    market: Market, settled: Fill, tmp_path: Path, settings: Any
) -> None:
    receipt = issue(settled, market.tara)
    file = tmp_path / "receipt.pdf"
    content = pdf_of(market.tara, settled)
    file.write_bytes(content)
    code, said = verify(file)
    assert (code, said["verdict"], said["books_agree"], said["receipt"]["receipt"]) == (0, "valid", True, receipt.ref)

    file.write_bytes(content.replace(b"%PDF-1", b"%PDF-2"))
    assert verify(file)[0] == 10
    file.write_bytes(b"hello")
    assert verify(file)[0] == 12
    file.write_bytes(content)
    sql("update settlement_settlement set settled_at = settled_at + interval '1 hour'")
    assert verify(file)[0] == 13
    assert verify(file, "--offline")[0] == 0
    settings.RECEIPT_SIGNING_KEY = b"k" * 32
    assert verify(file)[0] == 11


def test_openssl_alone_checks_it(market: Market, settled: Fill, tmp_path: Path) -> None:
    issue(settled, market.tara)
    held = pypdf.PdfReader(io.BytesIO(pdf_of(market.tara, settled))).attachments
    for name in ("facts.json", "facts.sig"):
        (tmp_path / name).write_bytes(held[name][0])
    out = io.StringIO()
    call_command("receipt_keys", "--json", stdout=out)
    (tmp_path / "key.pem").write_text(json.loads(out.getvalue())["keys"][0]["pem"])
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pem",
        "-rawin",
        "-in",
        "facts.json",
        "-sigfile",
        "facts.sig",
    ]

    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    (tmp_path / "facts.json").write_bytes(held["facts.json"][0] + b" ")
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode != 0


def test_signature_needs_the_key_alone() -> None:
    made = signing.sign(b"facts")

    assert signing.is_signed(b"facts", made)
    assert not signing.is_signed(b"fact", made)
    assert len(base64.b64encode(made.value)) == 88
