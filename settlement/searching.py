"""What a search across rooms finds of settlements, money, wallets and the ledger. At most one query each."""

import re
from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from settlement import addresses, books, on_chain
from settlement.models import (
    BankAccount,
    Deposit,
    LedgerAccount,
    LpPayment,
    NonceFill,
    PayoutAddress,
    Settlement,
    Transfer,
    TransferAttempt,
    Wallet,
    Withdrawal,
)
from settlement.models.by_hand import ManualPayment
from trading.lib.hits import MOST, Hit, Source, is_ref
from users.models import User
from users.queries.scopes import within, within_or_nobodys

HASH = re.compile(r"(?:0x)?([0-9a-f]{64})", re.IGNORECASE)
PAGE = "settlement:money-detail"


def _settlements(text: str, reader: User) -> Iterator[Hit]:
    """By its ref or the beginning of it, its trade's whole one, and the transaction that pays it."""
    ref = text.upper()
    if is_ref(text, "STL"):
        wanted = Q(ref__startswith=ref)
    elif hashes := hashes_of(text):
        by_hand = ManualPayment.objects.filter(reference__in=hashes).values("settlement")
        paid = Transfer.objects.filter(_signed(hashes)).values("settlement")
        wanted = Q(pk__in=paid.union(by_hand))
    else:
        return
    rows = Settlement.objects.filter(within(reader, "client"), wanted).select_related("client")
    for row in rows.order_by("-pk")[:MOST]:
        is_exact = not is_ref(text, "STL") or row.ref == ref
        yield Hit("settlement:detail", (row.ref,), row.ref, f"{row.client.name} · {row.trade_ref}", is_exact)


def _transfers(text: str, reader: User) -> Iterator[Hit]:
    hashes = hashes_of(text)
    if not hashes and not is_ref(text, "TRF"):
        return
    wanted = _signed(hashes) if hashes else Q(ref__startswith=text.upper())
    rows = Transfer.objects.filter(within(reader, *on_chain.PARTIES), wanted).select_related(*on_chain.PAYS)
    for row in rows.order_by("-pk")[:MOST]:
        yield Hit("settlement:transfer", (row.ref,), row.ref, row.owner_ref, bool(hashes) or row.ref == text.upper())


def _deposits(text: str, reader: User) -> Iterator[Hit]:
    rows = Deposit.objects.filter(within_or_nobodys(reader, "client")).select_related("client")
    booked = Q(bank_reference=text) | Q(return_reference=text)
    yield from _money(text, rows, "DEP", Q(tx_hash__in=hashes_of(text)) if hashes_of(text) else booked)


def _withdrawals(text: str, reader: User) -> Iterator[Hit]:
    rows = Withdrawal.objects.filter(within(reader, "client")).select_related("client")
    yield from _money(text, rows, "WDR", _paid_out(text, "withdrawal", "bank_reference"))


def _lp_payments(text: str, reader: User) -> Iterator[Hit]:
    rows = LpPayment.objects.filter(within(reader, "lp")).select_related("lp")
    yield from _money(text, rows, "LPP", _paid_out(text, "lp_payment", "reference"))


def _addresses(text: str, reader: User) -> Iterator[Hit]:
    """By its ref, its label, or the whole address in whatever case."""
    if is_ref(text, "ADR"):
        wanted = Q(ref__startswith=text.upper())
    else:
        wanted = Q(label__icontains=text) | Q(address__in=_written(text))
    rows = PayoutAddress.objects.filter(within(reader, "counterparty"), wanted).select_related("counterparty")
    for row in rows.order_by("-pk")[:MOST]:
        is_exact = row.ref == text.upper() or row.address in _written(text)
        yield Hit(PAGE, (row.ref,), row.label or row.ref, f"{row.counterparty.name} · {row.address}", is_exact)


def _accounts_of_banks(text: str, reader: User) -> Iterator[Hit]:
    """By its ref, its number however it is spaced, its holder or label."""
    number = "".join(text.split()).upper()
    if is_ref(text, "BNK"):
        wanted = Q(ref__startswith=text.upper())
    else:
        wanted = Q(number=number) | Q(holder__icontains=text) | Q(label__icontains=text)
    rows = BankAccount.objects.filter(within_or_nobodys(reader, "counterparty"), wanted)
    for row in rows.order_by("-pk")[:MOST]:
        yield Hit(PAGE, (row.ref,), row.holder, f"{row.number} · {row.bank}", number in {row.ref, row.number})


def _wallets(text: str, _reader: User) -> Iterator[Hit]:
    rows = Wallet.objects.filter(Q(name__icontains=text) | Q(address__in=_written(text)))
    for row in rows.order_by("name")[:MOST]:
        yield Hit(PAGE, (row.name,), row.name, row.address, row.name == text or row.address in _written(text))


def _ledger_accounts(text: str, reader: User) -> Iterator[Hit]:
    rows = LedgerAccount.objects.filter(within(reader, "counterparty"), code__istartswith=text)
    for row in rows.order_by("code")[:MOST]:
        yield Hit("settlement:account", (row.code,), row.code, is_exact=row.code == text)


def _journals(text: str, reader: User) -> Iterator[Hit]:
    if row := books.named(text, reader=reader):
        yield Hit("settlement:journal", (row.key,), row.key, row.subject, is_exact=True)


def hashes_of(text: str) -> list[str]:
    """The ways in which chains write the hash that a text is; none when it is none."""
    found = HASH.fullmatch(text)
    return [f"0x{found[1].lower()}", found[1].lower()] if found else []


def _written(text: str) -> list[str]:
    """The ways in which an address may be kept that somebody typed so."""
    return [text, addresses.eip55(text.lower())] if re.fullmatch(r"0x[0-9a-fA-F]{40}", text) else [text]


def _signed(hashes: list[str]) -> Q:
    sent = TransferAttempt.objects.filter(tx_hash__in=hashes).values("transfer")
    filled = NonceFill.objects.filter(tx_hash__in=hashes).values("transfer")
    return Q(pk__in=sent.union(filled))


def _paid_out(text: str, kind: str, reference: str) -> Q:
    """What a transaction paid, or a bank's reference names."""
    if hashes := hashes_of(text):
        by_hand = ManualPayment.objects.filter(reference__in=hashes).values(kind)
        return Q(pk__in=Transfer.objects.filter(_signed(hashes)).values(kind).union(by_hand))
    return Q(**{reference: text}) | Q(return_reference=text)


def _money(text: str, rows: QuerySet[Any], prefix: str, otherwise: Q) -> Iterator[Hit]:
    """Deposits, withdrawals and LP payments by the beginning of their ref, or by what paid them."""
    by_ref = is_ref(text, prefix)
    found = rows.filter(Q(ref__startswith=text.upper()) if by_ref else otherwise)
    for row in found.order_by("-pk")[:MOST]:
        party = row.lp if isinstance(row, LpPayment) else row.client
        is_exact = not by_ref or row.ref == text.upper()
        yield Hit(PAGE, (row.ref,), row.ref, party.name if party else "", is_exact)


SOURCES = (
    Source(_("Settlements"), "settlement.view", _settlements),
    Source(_("Withdrawals"), "money.view", _withdrawals),
    Source(_("LP payments"), "money.view", _lp_payments),
    Source(_("Payments on chain"), "money.view", _transfers),
    Source(_("Deposits"), "money.view", _deposits),
    Source(_("Addresses"), "money.view", _addresses),
    Source(_("Bank accounts"), "money.view", _accounts_of_banks),
    Source(_("Wallets"), "money.view", _wallets),
    Source(_("Accounts"), "ledger.view", _ledger_accounts),
    Source(_("Journals"), "ledger.view", _journals),
)
