"""REST on where money may go: a party asks for addresses and bank accounts of its own and ends them; the desk any."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from ninja.responses import Status

from settlement import addresses, banks, money, operations, seen
from settlement.api_shapes import (
    AccountIn,
    AccountsOut,
    AddressDetail,
    AddressesOut,
    AddressIn,
    DeskAccount,
    DeskAddress,
    DeskAddressDetail,
    DestinationFilters,
    EndingIn,
    OneAccount,
    PartysAccount,
    PartysAddress,
    PartysAddressDetail,
)
from settlement.models import BankAccount, PayoutAddress
from settlement.operations import NewAddress, NewBankAccount
from settlement.operations import destinations as errors
from settlement.operations.deposits import OtherDeposit
from trading.lib import clock
from trading.lib.errors import NotFound
from users import capabilities
from users.api import Key, Ref, actor
from users.api_calls import OF_LISTS, Example, call
from users.api_parties import part_of
from users.models import User
from users.policies import MeaninglessReason

router = Router(tags=["money"])
OWN, VIEW = "destination.own", "money.view"
OF_ASKING = (errors.AlreadyThere, errors.LabelTaken, errors.TooManyAsked, OtherDeposit)
_ADDRESS: dict[str, Any] = {
    "reader": "party",
    "ref": "ADR-TX7K2MQ4",
    "chain": "tron",
    "address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    "label": "Cold store",
    "status": "asked",
    "asked_at": "2026-11-26T09:41:00.120Z",
    "approved_at": None,
    "usable_from": None,
    "ended_at": None,
}
_NEW_ADDRESS = {"chain": "tron", "address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "label": "Cold store"}
_ACCOUNT: dict[str, Any] = {
    "reader": "party",
    "ref": "BNK-7KQ2M4TX",
    "currency": "EUR",
    "holder": "Cedar Imports",
    "number": "DE89370400440532013000",
    "is_iban": True,
    "bank": "Commerzbank",
    "bic": "COBADEFFXXX",
    "label": "Main account",
    "status": "approved",
    "asked_at": "2026-11-26T09:41:00.120Z",
    "approved_at": "2026-11-26T11:02:00Z",
    "ended_at": None,
}
_NEW_ACCOUNT = {
    "currency": "EUR",
    "holder": "Cedar Imports",
    "number": "DE89 3704 0044 0532 0130 00",
    "bank": "Commerzbank",
    "bic": "COBADEFFXXX",
    "label": "Main account",
}
_ENDED = {"status": "ended", "ended_at": "2026-11-27T08:00:00Z"}
_WHY = {"reason": "We keep no money there any more."}


@router.get(
    "/addresses",
    **call(
        AddressesOut,
        *OF_LISTS,
        summary="Your addresses; for the desk those of the counterparties it serves",
        example=Example({"items": [_ADDRESS], "next": None}),
    ),
)
def list_addresses(request: HttpRequest, filters: Query[DestinationFilters]) -> AddressesOut:
    """Newest first, by keyset: pass `next` back as `before`."""
    reader, rows = _reader(request), seen.addresses(actor(request))
    found, older = part_of(rows.filter(money.OF_ADDRESSES[filters.status]) if filters.status else rows, filters)
    return AddressesOut(items=[_address(row, reader) for row in found], next=older)


@router.post(
    "/addresses",
    **call(
        AddressDetail,
        addresses.UnknownChain,
        addresses.BadAddress,
        addresses.ForbiddenAddress,
        NotFound,
        *OF_ASKING,
        summary="Ask that USDT may go to an address",
        example=Example(_ADDRESS | {"looks_like": []}, _NEW_ADDRESS),
        status=201,
        writes=True,
    ),
)
def ask_address(request: HttpRequest, body: AddressIn, key: Key) -> Status[PartysAddressDetail | DeskAddressDetail]:
    """Two people of the desk decide; then it cools off. The same key with the same body is the same address."""
    user = actor(request)
    new = NewAddress(body.chain, body.address, body.label, body.party or "")
    made = operations.ask_address(new=new, actor=user, key=key, now=clock.now())
    return Status(201, _whole_address(made.ref, user))


@router.get(
    "/addresses/{ref}",
    **call(AddressDetail, NotFound, summary="One address", example=Example(_ADDRESS | {"looks_like": []})),
)
def read_address(request: HttpRequest, ref: Ref) -> PartysAddressDetail | DeskAddressDetail:
    """Read where it stands, and which others begin and end like it."""
    return _whole_address(ref, _reader(request))


@router.post(
    "/addresses/{ref}/ending",
    **call(
        AddressDetail,
        MeaninglessReason,
        NotFound,
        errors.AlreadyEnded,
        summary="Let nothing go to an address any more",
        example=Example(_ADDRESS | _ENDED | {"looks_like": []}, _WHY),
        writes=True,
    ),
)
def end_address(request: HttpRequest, ref: Ref, body: EndingIn) -> PartysAddressDetail | DeskAddressDetail:
    """At once and for good; also takes back what was asked for. It can be asked for again."""
    user = actor(request)
    operations.end_address(ref=ref, actor=user, reason=body.reason, now=clock.now())
    return _whole_address(ref, user)


@router.get(
    "/bank-accounts",
    **call(
        AccountsOut,
        *OF_LISTS,
        summary="Your bank accounts; for the desk those of the counterparties it serves, and its own",
        example=Example({"items": [_ACCOUNT], "next": None}),
    ),
)
def list_accounts(request: HttpRequest, filters: Query[DestinationFilters]) -> AccountsOut:
    """Newest first, by keyset: pass `next` back as `before`."""
    reader, rows = _reader(request), seen.accounts(actor(request))
    found, older = part_of(rows.filter(money.OF_ACCOUNTS[filters.status]) if filters.status else rows, filters)
    return AccountsOut(items=[_account(row, reader) for row in found], next=older)


@router.post(
    "/bank-accounts",
    **call(
        OneAccount,
        errors.NoSuchCurrency,
        banks.BadIban,
        banks.BadAccountNumber,
        banks.BadBic,
        errors.IncompleteAccount,
        NotFound,
        *OF_ASKING,
        summary="Ask that money may go to a bank account",
        example=Example(_ACCOUNT | {"status": "asked", "approved_at": None}, _NEW_ACCOUNT),
        status=201,
        writes=True,
    ),
)
def ask_account(request: HttpRequest, body: AccountIn, key: Key) -> Status[PartysAccount | DeskAccount]:
    """Two people of the desk decide. The same key with the same body is the same account."""
    user = actor(request)
    new = NewBankAccount(**body.dict() | {"party": body.party or ""})
    made = operations.ask_bank_account(new=new, actor=user, key=key, now=clock.now())
    return Status(201, _one_account(made.ref, user))


@router.get("/bank-accounts/{ref}", **call(OneAccount, NotFound, summary="One bank account", example=Example(_ACCOUNT)))
def read_account(request: HttpRequest, ref: Ref) -> PartysAccount | DeskAccount:
    """Read what it is and where it stands."""
    return _one_account(ref, _reader(request))


@router.post(
    "/bank-accounts/{ref}/ending",
    **call(
        OneAccount,
        MeaninglessReason,
        NotFound,
        errors.AlreadyEnded,
        summary="Let nothing go to a bank account any more",
        example=Example(_ACCOUNT | _ENDED, _WHY),
        writes=True,
    ),
)
def end_account(request: HttpRequest, ref: Ref, body: EndingIn) -> PartysAccount | DeskAccount:
    """At once and for good; also takes back what was asked for. It can be asked for again."""
    user = actor(request)
    operations.end_bank_account(ref=ref, actor=user, reason=body.reason, now=clock.now())
    return _one_account(ref, user)


def _reader(request: HttpRequest) -> User:
    user = actor(request)
    capabilities.require(user, VIEW if user.counterparty is None else OWN)
    return user


def _whole_address(ref: str, reader: User) -> PartysAddressDetail | DeskAddressDetail:
    row = money.one_of(seen.addresses(reader).filter(ref=ref))
    shape = DeskAddressDetail if reader.counterparty is None else PartysAddressDetail
    alike = money.alike(row.address, row.counterparty)
    return shape(**_facts_of_address(row, reader), looks_like=[one.ref for one in alike])


def _address(row: PayoutAddress, reader: User) -> PartysAddress | DeskAddress:
    shape = DeskAddress if reader.counterparty is None else PartysAddress
    return shape(**_facts_of_address(row, reader))


def _facts_of_address(row: PayoutAddress, reader: User) -> dict[str, Any]:
    facts = {
        **_common(row),
        "asked_at": row.created_at,
        "ended_at": row.revoked_at,
        "chain": row.chain,
        "address": row.address,
        "usable_from": row.usable_from,
    }
    if reader.counterparty is not None:
        return facts
    return facts | {
        "counterparty": row.counterparty.ref,
        "asked_by": row.asked_by.username if row.asked_by else None,
    }


def _one_account(ref: str, reader: User) -> PartysAccount | DeskAccount:
    return _account(money.one_of(seen.accounts(reader).filter(ref=ref)), reader)


def _account(row: BankAccount, reader: User) -> PartysAccount | DeskAccount:
    facts = {
        **_common(row),
        "asked_at": row.created_at,
        "ended_at": row.ended_at,
        "currency": row.currency_id,
        **{name: getattr(row, name) for name in ("holder", "number", "is_iban", "bank", "bic")},
    }
    if reader.counterparty is not None:
        return PartysAccount(**facts)
    whose = row.counterparty.ref if row.counterparty else None
    return DeskAccount(**facts, counterparty=whose, asked_by=row.asked_by.username)


def _common(row: BankAccount | PayoutAddress) -> dict[str, Any]:
    return {"ref": row.ref, "label": row.label, "status": money.state_of(row), "approved_at": row.approved_at}
