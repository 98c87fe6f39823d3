"""A receipt that somebody shows is checked in the console; the desk takes its own; everybody may have the keys."""

import base64
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from rfq.models import Receipt
from rfq.papers import receipts as papers
from rfq.receipts import envelope
from rfq.receipts.envelope import Verdict
from tests import factories
from tests.console.conftest import verified_client
from tests.factories import Market
from tests.probes import sql
from trading.lib import signing


@pytest.fixture
def market(db: None) -> Market:
    return factories.market()


@pytest.fixture
def receipt(market: Market) -> Receipt:
    return factories.receipt(factories.settled(market), market.tara)


@pytest.fixture
def ops(db: None) -> Client:
    return verified_client(factories.user("ops"))


def hand_in(client: Client, content: bytes) -> str:
    file = SimpleUploadedFile("receipt.pdf", content, "application/pdf")
    return client.post("/receipts/", {"file": file}).content.decode()


def test_valid_receipt_is_shown_with_what_the_books_say(ops: Client, receipt: Receipt) -> None:
    content = papers.paper(receipt, time_zone="UTC").content
    page = hand_in(ops, content)

    assert "Valid: the desk signed exactly this." in page
    assert "The books say the same." in page
    assert receipt.ref in page
    assert receipt.fill.ref in page

    sql("update settlement_settlement set settled_at = settled_at + interval '1 hour'")
    page = hand_in(ops, content)
    assert "The books say something else now:" in page
    assert "settled_at" in page


def test_pasted_json_is_checked_likewise(ops: Client, receipt: Receipt) -> None:
    text = json.dumps(json.loads(papers.enveloped(receipt)), indent=1)

    assert "Valid:" in ops.post("/receipts/", {"text": text}).content.decode()
    forged = text.replace(receipt.fill.ref, "FIL-FORGED22")
    assert "Altered:" in ops.post("/receipts/", {"text": forged}).content.decode()


def test_nonsense_too_much_and_nothing_are_refused(ops: Client, receipt: Receipt) -> None:
    assert "This is no receipt" in hand_in(ops, b"<script>alert(1)</script>")
    assert "larger than any receipt" in hand_in(ops, b"x" * (envelope.LONGEST + 1))
    nothing = ops.post("/receipts/", {})
    assert nothing.status_code == 422
    assert "one of the two" in nothing.content.decode()


def test_receipt_of_somebody_else_s_client_is_not_in_the_books_of_this_reader(receipt: Receipt) -> None:
    narrow = verified_client(factories.narrowed(factories.user("ops")))

    assert "of a counterparty you serve" in hand_in(narrow, papers.paper(receipt, time_zone="UTC").content)


def test_desk_takes_its_own_receipt_by_post_alone(ops: Client, receipt: Receipt) -> None:
    place = f"/fills/{receipt.fill.ref}/receipt/"
    answer = ops.post(place)

    assert answer["Content-Type"] == "application/pdf"
    assert envelope.check(answer.content).verdict == Verdict.VALID
    assert envelope.check(answer.content).facts["for"] == "desk"
    assert ops.get(place).status_code == 405
    assert place in ops.get(f"/rfqs/{receipt.fill.rfq.ref}/").content.decode()


def test_public_keys_are_for_everybody(db: None) -> None:
    keys = Client().get("/receipts/keys").json()["keys"]

    assert [(key["id"], base64.b64decode(key["public_key"])) for key in keys] == list(signing.keys().items())
    assert keys[0]["pem"].startswith("-----BEGIN PUBLIC KEY-----")
