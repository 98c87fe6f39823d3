"""Asking for a destination, and ending one. That money may go there is an act of two (`settlement.own_acts`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from settlement import addresses, banks
from settlement.models import Asset, BankAccount, PayoutAddress, Wallet
from settlement.operations.deposits import OtherDeposit
from trading.lib.errors import Conflict, Invalid, NotFound
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, User
from users.operations import require_served
from users.policies import require_meaningful

OWN, ENTER, END = "destination.own", "destination.enter", "destination.end"
LONGEST_TEXT = 140
LONGEST_LABEL = 64
ASKED_AT_ONCE = 10


class AlreadyThere(Conflict):
    """The same destination is asked for or approved."""

    code = "destination_known"
    text = _("{ref} is the same already. End it first, or use it.")


class LabelTaken(Conflict):
    """Another destination of the party has this label: `to <label>` would mean two."""

    code = "label_taken"
    text = _("{ref} is called {label} already. Choose another label.")


class TooManyAsked(Conflict):
    """The party asks for many that the desk has not decided."""

    code = "too_many_asked"
    text = _("{number} destinations you asked for still wait for the desk. End one first, or wait.")


class NoSuchCurrency(Invalid):
    """The desk keeps no accounts in it."""

    code = "no_such_currency"
    text = _("The desk does not deal in {currency}.")


class IncompleteAccount(Invalid):
    """A bank account without its holder or its bank."""

    code = "incomplete_account"
    text = _("Write whose account it is and at which bank.")


class AlreadyEnded(Conflict):
    """There is nothing to end."""

    code = "destination_ended"
    text = _("{ref} is ended already.")


@dataclass(frozen=True, slots=True)
class NewAddress:
    """An address somebody asks for. `party` is the counterparty's ref; nothing for one's own."""

    chain: str
    address: str
    label: str = ""
    party: str = ""


@dataclass(frozen=True, slots=True)
class NewBankAccount:
    """A bank account somebody asks for. `party` is the counterparty's ref, nothing for one's own, `desk` the desk."""

    currency: str
    holder: str
    number: str
    is_iban: bool
    bank: str
    bic: str = ""
    label: str = ""
    party: str = ""


DESK = "desk"


@operation
def ask_address(*, new: NewAddress, actor: User, now: datetime, key: str = "") -> PayoutAddress:
    """
    Ask that USDT may go to an address. Nothing may until two people have approved it.

    The same key again is the same address, whatever has become of it.

    :raises MissingCapability: neither one's own nor one of the desk who enters them.
    :raises NotFound: no such counterparty, or not one the actor serves.
    :raises UnknownChain: the desk knows no such chain.
    :raises BadAddress: no address of that chain, or a wrong checksum.
    :raises ForbiddenAddress: the zero address, a token's contract or a wallet of the desk.
    :raises AlreadyThere: it is asked for or approved already.
    :raises LabelTaken: another destination of the party has the label.
    :raises TooManyAsked: ten that the party asked for wait.
    :raises OtherDeposit: the key was used for another one.
    """
    party = _party(new.party, actor)
    address = addresses.require_valid(new.chain, new.address)
    wanted: dict[str, Any] = {"counterparty": party, "chain": new.chain, "address": address}
    if asked := _asked_before(PayoutAddress.objects.all(), actor, key, wanted | {"label": _words(new.label)}):
        return asked
    _require_foreign(address)
    live = PayoutAddress.objects.filter(counterparty=party, revoked_at=None)
    if known := live.filter(chain=new.chain, address=address).first():
        raise AlreadyThere(ref=known.ref)
    label = free_label(party, new.label)
    _require_few(party, actor)
    row = PayoutAddress.objects.create(**wanted, label=label, asked_by=actor, key=key)
    change = audit.Change(after={"chain": row.chain, "address": address, "counterparty": party.ref, "label": label})
    audit.record("address.asked", actor=actor, subject=row, at=now, change=change)
    return row


@operation
def ask_bank_account(*, new: NewBankAccount, actor: User, now: datetime, key: str = "") -> BankAccount:
    """
    Ask that money may go to a bank account, or come in by one of the desk's own. Two people approve it.

    The same key again is the same account, whatever has become of it.

    :raises MissingCapability: neither one's own nor one of the desk who enters them.
    :raises NotFound: no such counterparty, or not one the actor serves.
    :raises NoSuchCurrency: no fiat currency of the desk.
    :raises BadIban: it was mistyped.
    :raises BadAccountNumber: it has another form.
    :raises BadBic: it has another form.
    :raises IncompleteAccount: holder or bank are missing.
    :raises AlreadyThere: it is asked for or approved already.
    :raises LabelTaken: another destination of the party has the label.
    :raises TooManyAsked: ten that the party asked for wait.
    :raises OtherDeposit: the key was used for another one.
    """
    party = None if new.party == DESK else _party(new.party, actor)
    if party is None:
        capabilities.require(actor, ENTER)
    currency = Asset.objects.filter(code=new.currency, kind=Asset.Kind.FIAT).first()
    if currency is None:
        raise NoSuchCurrency(currency=new.currency)
    holder, bank = new.holder.strip()[:LONGEST_TEXT], new.bank.strip()[:LONGEST_TEXT]
    if not holder or not bank:
        raise IncompleteAccount
    number = banks.require_number(new.number, is_iban=new.is_iban)
    wanted: dict[str, Any] = {"counterparty": party, "currency": currency, "number": number, "holder": holder}
    wanted |= {"is_iban": new.is_iban, "bank": bank, "bic": banks.require_bic(new.bic)}
    if asked := _asked_before(BankAccount.objects.all(), actor, key, wanted | {"label": _words(new.label)}):
        return asked
    known = BankAccount.objects.filter(counterparty=party, currency=currency, number=number, ended_at=None).first()
    if known is not None:
        raise AlreadyThere(ref=known.ref)
    label = free_label(party, new.label)
    _require_few(party, actor)
    row = BankAccount.objects.create(**wanted, label=label, asked_by=actor, key=key, created_at=now)
    after = {"currency": currency.code, "number": number, "holder": holder, "bank": bank, "label": row.label}
    change = audit.Change(after=after | {"counterparty": party.ref if party else DESK})
    audit.record("bank_account.asked", actor=actor, subject=row, at=now, change=change)
    return row


@operation
def end_address(*, ref: str, actor: User, reason: str, now: datetime) -> PayoutAddress:
    """
    Let nothing go to an address any more, or take back what was asked for: it reduces risk, so one person may.

    :raises NotFound: there is none, or not for the actor.
    :raises MeaninglessReason: the desk's reason says too little; a party needs none.
    :raises AlreadyEnded: somebody was faster.
    """
    row = PayoutAddress.objects.select_related("counterparty").select_for_update(of=("self",)).filter(ref=ref).first()
    if row is None:
        raise NotFound
    words = _require_may_end(row.counterparty, actor, reason)
    if row.revoked_at is not None:
        raise AlreadyEnded(ref=ref)
    row.revoked_at = now
    row.save(update_fields=["revoked_at"])
    _record_end("address.ended", row, actor=actor, reason=words, now=now)
    return row


@operation
def end_bank_account(*, ref: str, actor: User, reason: str, now: datetime) -> BankAccount:
    """
    Let nothing go to a bank account any more, or take back what was asked for: one person may.

    :raises NotFound: there is none, or not for the actor.
    :raises MeaninglessReason: the desk's reason says too little; a party needs none.
    :raises AlreadyEnded: somebody was faster.
    """
    row = BankAccount.objects.select_related("counterparty").select_for_update(of=("self",)).filter(ref=ref).first()
    if row is None:
        raise NotFound
    words = _require_may_end(row.counterparty, actor, reason)
    if row.ended_at is not None:
        raise AlreadyEnded(ref=ref)
    row.ended_at = now
    row.save(update_fields=["ended_at"])
    _record_end("bank_account.ended", row, actor=actor, reason=words, now=now)
    return row


def _record_end(name: str, row: PayoutAddress | BankAccount, *, actor: User, reason: str, now: datetime) -> None:
    change = audit.Change(after={"ended": True}, reason=reason, capability=OWN if actor.counterparty else END)
    audit.record(name, actor=actor, subject=row, at=now, change=change)


def _party(ref: str, actor: User) -> Counterparty:
    """Whose destination it is, locked: one's own, or that of a counterparty one of the desk serves."""
    if actor.counterparty is not None:
        capabilities.require(actor, OWN)
        if ref not in {"", actor.counterparty.ref}:
            raise NotFound
        return Counterparty.objects.select_for_update().get(pk=actor.counterparty.pk)
    capabilities.require(actor, ENTER)
    party = Counterparty.objects.select_for_update().filter(ref=ref).first()
    if party is None:
        raise NotFound
    require_served(actor, party.pk)
    return party


def _asked_before[M: (PayoutAddress, BankAccount)](
    rows: QuerySet[M], actor: User, key: str, wanted: Mapping[str, object]
) -> M | None:
    """What this login asked for with this key, if it is what is asked for now."""
    known = rows.filter(asked_by=actor, key=key).first() if key else None
    if known is not None and any(getattr(known, name) != value for name, value in wanted.items()):
        raise OtherDeposit(ref=known.ref)
    return known


def _require_may_end(party: Counterparty | None, actor: User, reason: str) -> str:
    if actor.counterparty is not None:
        capabilities.require(actor, OWN)
        if party is None or actor.counterparty.pk != party.pk:
            raise NotFound
        return " ".join(reason.split())
    capabilities.require(actor, END)
    require_served(actor, party.pk if party else None)
    return require_meaningful(reason)


def _require_few(party: Counterparty | None, actor: User) -> None:
    if actor.counterparty is not None:
        waiting = PayoutAddress.objects.filter(counterparty=party, approved_at=None, revoked_at=None).count()
        waiting += BankAccount.objects.filter(counterparty=party, approved_at=None, ended_at=None).count()
        if waiting >= ASKED_AT_ONCE:
            raise TooManyAsked(number=waiting)


def _require_foreign(address: str) -> None:
    own = Wallet.objects.filter(address__iexact=address).exists()
    if own or (Asset.objects.filter(contract__iexact=address).exists()):
        raise addresses.ForbiddenAddress(address=address)


def free_label(party: Counterparty | None, label: str) -> str:
    """
    The label as it is kept. Two queries.

    :raises LabelTaken: another destination of the party has it.
    """
    words = _words(label)
    if not words or party is None:
        return words
    addresses_so = PayoutAddress.objects.filter(counterparty=party, revoked_at=None, label__iexact=words)
    accounts_so = BankAccount.objects.filter(counterparty=party, ended_at=None, label__iexact=words)
    if known := addresses_so.first() or accounts_so.first():
        raise LabelTaken(ref=known.ref, label=words)
    return words


def _words(label: str) -> str:
    return " ".join(label.split())[:LONGEST_LABEL]
