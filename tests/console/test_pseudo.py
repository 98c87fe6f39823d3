"""Every word of the console comes from the catalogue: read in a language nobody speaks, no page says one of its own."""

import re
import zoneinfo
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import models

from alerting import alert_words, letters
from alerting.models import Alert, OutboundMessage
from rfq.models import DisputeAttachment, RateSource, RateTick
from settlement import addresses, autosettle
from settlement.models import BankAccount, Deposit, Journal, LedgerAccount, PayoutAddress, Reconciliation, Wallet
from tests.console import crawl, pseudo, whole
from tests.console.conftest import verified_client
from users import acts, audit, capabilities
from users.models import ApiKey, ApprovalRequest, AuditEvent, Counterparty, Passkey, Person, Session, User

# What is data: said as it is in every language, wherever it stands.
KINDS = {
    "a ref": r"\b(?:[A-Z]{2,4}-[0-9A-Z]{4,12}|[A-Z]{3}-SIMULATE)\b",
    "an address or a hash, shortened": r"\b\w{4,6}…\w{4}\b",
    "an address or a hash": r"\b0x[0-9a-fA-F]+\b|\b[0-9a-f]{32,}\b",
    "an event, an act, a capability": r"\b[a-z_]+\.[a-z_]+\b",
    "an IBAN": r"\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{2,4}){3,8}\b",
    "a currency, a pair of assets": r"\b(?:USDT|EUR|AED)\b",
    "a unit": r"\b(?:UTC|bps|ms|[KM]B)\b|\bv[0-9]+(?:\.[0-9]+)*\b",
    "a place that the page's script fills in": r"\{\w+\}",
    "what one types in the chat to link it": r"/start [\w-]+",
    "an address of the API": r"/api/[\w/{}.-]*",
    "a name that stays": r"\b(?:Telegram|PostgreSQL|SHA-256|manage\.py)\b",
}
# What people, programs and other desks named, and what somebody wrote or a program recorded for good.
NAMED: list[tuple[type[models.Model], str]] = [
    (User, "username"),
    (Person, "full_name"),
    (Counterparty, "name"),
    (Wallet, "name"),
    (Wallet, "address"),
    (PayoutAddress, "address"),
    (PayoutAddress, "label"),
    (BankAccount, "holder"),
    (BankAccount, "bank"),
    (BankAccount, "label"),
    (Deposit, "bank_reference"),
    (Deposit, "sender"),
    (LedgerAccount, "code"),
    (Journal, "key"),
    (RateSource, "problem"),
    (DisputeAttachment, "name"),
    (Alert, "subject"),
    (AuditEvent, "name"),
    (AuditEvent, "reason"),
    (ApprovalRequest, "outcome"),
    (ApiKey, "name"),
    (Passkey, "name"),
    (Session, "browser"),
]
RECORDED = [(AuditEvent, "before"), (AuditEvent, "after"), (Alert, "values"), (Reconciliation, "differences")]


def named() -> Iterator[str]:
    for model, field in NAMED:
        yield from model._default_manager.exclude(**{field: None}).values_list(field, flat=True).distinct()
    for model, field in RECORDED:
        for value in model._default_manager.values_list(field, flat=True):
            yield from (said for said in texts_in(value) if " " in said)
    for payload in OutboundMessage.objects.values_list("payload", flat=True):
        yield letters.plain(payload.get("text", ""))


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def data() -> re.Pattern[str]:
    values = sorted({re.escape(value) for value in named() if value}, key=len, reverse=True)
    return re.compile("|".join([rf"(?<!\w)(?:{'|'.join(values)})(?!\w)", *KINDS.values()]))


def words_of_programs() -> set[str]:
    """Said as they are to programs too, and alone where they stand: acts, scopes, rules, fields of a record, chains."""
    found = {*acts.names(), *capabilities.SCOPES, *alert_words.TITLES, *addresses.CHAINS}
    found |= {*zoneinfo.available_timezones(), *dict(settings.LANGUAGES).values()}
    found |= {autosettle.FLAG, audit.SYSTEM, "default", "money", "messages"}  # the last three are queues
    for model, field in (
        (Journal, "kind"),
        (Journal, "subject"),
        (RateTick, "source"),
        (RateSource, "name"),
        (AuditEvent, "subject_type"),
    ):
        found |= set(model._default_manager.values_list(field, flat=True))
    for table, field in RECORDED:
        for value in table._default_manager.values_list(field, flat=True):
            found |= {said for said in texts_in(value) if " " not in said}
    return found


SEEDS = ("/", "/search/?q=nobody", "/api/docs", "/no/such/room/")
LEFT = {
    "users:sign-out",  # it would end the walk
    "components",  # for whoever builds the console, with made up data
}


def test_no_page_has_words_of_its_own(db: None, light_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = whole.build()
    known, words = data(), words_of_programs()
    pseudo.install(monkeypatch)
    client = verified_client(reader)
    reached, problems = set[str](), dict[str, str]()
    for visit in crawl.crawl(client, *SEEDS, *whole.rare(), leave=LEFT):
        reached.add(visit.view)
        for said in pseudo.untranslated(visit.text, known, words):
            problems.setdefault(f"{said.text[:100]} | {said.where}", visit.path)

    assert [f"{path}: {words}" for words, path in sorted(problems.items())] == []
    unseen = {name for name, node in crawl.views() if not crawl.only_changes(client, node, name)} - reached
    assert unseen == LEFT - {"users:sign-out"}
