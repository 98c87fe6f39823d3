"""REST on balances, deposits and withdrawals: a party's own; the desk reads those it serves."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from ninja.responses import Status

from settlement import balances, confirming, money, operations, seen, shown
from settlement.api import PaymentOut
from settlement.api_shapes import (
    BalanceOut,
    BalancesOf,
    BalancesOut,
    ClientBalances,
    ConfirmationsOut,
    DepositFilters,
    DepositIn,
    DepositOut,
    DepositsOut,
    DeskDeposit,
    DeskWithdrawal,
    LpBalances,
    OwedOut,
    PartysDeposit,
    PartysWithdrawal,
    PayTo,
    ReceivingOut,
    ReceivingsOut,
    WithdrawalFilters,
    WithdrawalIn,
    WithdrawalOut,
    WithdrawalsOut,
)
from settlement.ledger import InsufficientBalance
from settlement.models import BankAccount, Deposit, Withdrawal
from settlement.operations import Wish
from settlement.operations import deposits as deposit_errors
from settlement.operations import withdrawals as withdrawal_errors
from trading.lib import clock
from trading.lib.errors import NotFound
from trading.lib.states import IllegalTransition
from users import capabilities
from users.api import Key, Ref, actor
from users.api_calls import OF_LISTS, Example, call
from users.api_parties import Paging, part_of, party
from users.models import Counterparty, User

router = Router(tags=["money"])
VIEW = "money.view"
_BALANCES: dict[str, Any] = {
    "kind": "client",
    "counterparty": "CPY-2M4TX7KQ",
    "balances": [
        {"asset": "EUR", "posted": "12500.00", "held": "4000.00", "available": "8500.00", "credit": "0.00"},
    ],
}
_ANNOUNCED: dict[str, Any] = {
    "reader": "party",
    "ref": "DEP-7KQ2M4TX",
    "currency": "EUR",
    "announced": "10000.00",
    "amount": None,
    "chain": None,
    "tx_hash": None,
    "status": "announced",
    "confirmations": None,
    "created_at": "2026-11-26T09:41:00.120Z",
    "credited_at": None,
    "pay_to": {
        "holder": "The desk Ltd",
        "number": "DE89370400440532013000",
        "bank": "Commerzbank",
        "bic": "COBADEFFXXX",
        "reference": "DEP-7KQ2M4TX",
    },
}
_RECEIVING = {
    "chain": "ethereum",
    "address": "0x52908400098527886E0F7030069857D2E4169EE7",
    "minimum": "1.000000",
    "senders": ["0x8617E340B3D01FA5F11F306F4090FD50E238070D"],
}
_CANCELLED = _ANNOUNCED | {"status": "cancelled", "pay_to": None}
_ASKED: dict[str, Any] = {
    "reader": "party",
    "ref": "WDR-4M7Q2KTX",
    "currency": "USDT",
    "amount": "5000.000000",
    "fee": "1.000000",
    "destination": "ADR-TX7K2MQ4",
    "status": "requested",
    "bank_reference": None,
    "payment": None,
    "created_at": "2026-11-26T09:41:00.120Z",
    "sent_at": None,
    "reason": None,
}
_PAYMENT = {"chain": "tron", "status": "final", "tx_hash": "c1f6…"}
_WISH = {"currency": "USDT", "amount": "5000", "destination": "ADR-TX7K2MQ4"}


@router.get(
    "/balances",
    **call(
        BalancesOut,
        *OF_LISTS,
        summary="Your balances; for the desk those of the counterparties it serves",
        example=Example({"items": [_BALANCES], "next": None}),
    ),
)
def list_balances(request: HttpRequest, paging: Query[Paging]) -> BalancesOut:
    """By currency. A client's money at the desk; what stands between the desk and an LP."""
    found, older = part_of(seen.counterparties(_reader(request, "balance.own")), paging)
    return BalancesOut(items=_balances(found), next=older)


@router.get(
    "/balances/{ref}", **call(BalancesOf, NotFound, summary="One counterparty's balances", example=Example(_BALANCES))
)
def read_balances(request: HttpRequest, ref: Ref) -> ClientBalances | LpBalances:
    """A party reads its own, by its own ref (`GET /api/me` names it)."""
    found = seen.counterparties(_reader(request, "balance.own")).filter(ref=ref)
    return _balances([money.one_of(found)])[0]


@router.get(
    "/deposits",
    **call(
        DepositsOut,
        *OF_LISTS,
        summary="Your deposits; for the desk those of the clients it serves, and nobody's",
        example=Example({"items": [_ANNOUNCED], "next": None}),
    ),
)
def list_deposits(request: HttpRequest, filters: Query[DepositFilters]) -> DepositsOut:
    """Newest first, by keyset: pass `next` back as `before`."""
    reader = _reader(request, "deposit.own")
    rows = seen.deposits(reader)
    found, older = part_of(rows.filter(status=filters.status) if filters.status else rows, filters)
    return DepositsOut(items=_deposits(found, reader), next=older)


@router.get(
    "/deposits/addresses",
    **call(
        ReceivingsOut,
        summary="Where to send USDT, and from which addresses",
        example=Example({"items": [_RECEIVING]}),
    ),
)
def list_receiving(request: HttpRequest) -> ReceivingsOut:
    """Send only from an approved address of yours: what comes from elsewhere waits until people know whose it is."""
    client = party(request, "deposit.own").counterparty
    least = f"{operations.minimum_deposit():.6f}"
    rows = money.receiving(client)
    return ReceivingsOut(
        items=[
            ReceivingOut(chain=one.chain, address=one.address, minimum=least, senders=list(one.senders)) for one in rows
        ]
    )


@router.post(
    "/deposits",
    **call(
        DepositOut,
        deposit_errors.NotAnAmount,
        deposit_errors.NoBankDetails,
        deposit_errors.TooManyAnnounced,
        deposit_errors.OtherDeposit,
        summary="Say that money is on its way by bank",
        example=Example(_ANNOUNCED, {"currency": "EUR", "amount": "10000.00"}),
        status=201,
        writes=True,
    ),
)
def announce_deposit(request: HttpRequest, body: DepositIn, key: Key) -> Status[PartysDeposit | DeskDeposit]:
    """Answers with where to pay, and the reference to write. The same key with the same body is the same deposit."""
    user, amount = party(request, "deposit.own").user, Decimal(body.amount)
    made = operations.announce_deposit(currency=body.currency, amount=amount, actor=user, key=key, now=clock.now())
    return Status(201, _deposit(made.ref, user))


@router.get("/deposits/{ref}", **call(DepositOut, NotFound, summary="One deposit", example=Example(_ANNOUNCED)))
def read_deposit(request: HttpRequest, ref: Ref) -> PartysDeposit | DeskDeposit:
    """Read where it stands, and until it has come where to pay."""
    return _deposit(ref, _reader(request, "deposit.own"))


@router.post(
    "/deposits/{ref}/cancellation",
    **call(
        DepositOut,
        NotFound,
        IllegalTransition,
        summary="A deposit will not come",
        example=Example(_CANCELLED),
        writes=True,
    ),
)
def cancel_deposit(request: HttpRequest, ref: Ref) -> PartysDeposit | DeskDeposit:
    """Only while it has not come. The client says so, or operations."""
    user = actor(request)
    operations.cancel_deposit(ref=ref, actor=user, now=clock.now())
    return _deposit(ref, user)


@router.get(
    "/withdrawals",
    **call(
        WithdrawalsOut,
        *OF_LISTS,
        summary="Your withdrawals; for the desk those of the clients it serves",
        example=Example({"items": [_ASKED | {"status": "confirmed", "payment": _PAYMENT}], "next": None}),
    ),
)
def list_withdrawals(request: HttpRequest, filters: Query[WithdrawalFilters]) -> WithdrawalsOut:
    """Newest first, by keyset: pass `next` back as `before`."""
    reader = _reader(request, "withdrawal.own")
    rows = seen.withdrawals(reader)
    found, older = part_of(rows.filter(status=filters.status) if filters.status else rows, filters)
    return WithdrawalsOut(items=[_withdrawal(row, reader) for row in found], next=older)


@router.post(
    "/withdrawals",
    **call(
        WithdrawalOut,
        withdrawal_errors.ClientFrozen,
        withdrawal_errors.CoolingOff,
        withdrawal_errors.NoSuchDestination,
        deposit_errors.NotAnAmount,
        InsufficientBalance,
        withdrawal_errors.OverLimit,
        deposit_errors.OtherDeposit,
        summary="Take money out",
        example=Example(_ASKED, _WISH),
        status=201,
        writes=True,
    ),
)
def request_withdrawal(request: HttpRequest, body: WithdrawalIn, key: Key) -> Status[PartysWithdrawal | DeskWithdrawal]:
    """Holds amount and fee; two people of the desk decide. The same key with the same body is the same withdrawal."""
    user, wish = party(request, "withdrawal.own").user, Wish(body.currency, Decimal(body.amount), body.destination)
    made = operations.request_withdrawal(wish=wish, actor=user, key=key, now=clock.now())
    return Status(201, _one_withdrawal(made.ref, user))


@router.get("/withdrawals/{ref}", **call(WithdrawalOut, NotFound, summary="One withdrawal", example=Example(_ASKED)))
def read_withdrawal(request: HttpRequest, ref: Ref) -> PartysWithdrawal | DeskWithdrawal:
    """Read where it stands, and how it was paid."""
    return _one_withdrawal(ref, _reader(request, "withdrawal.own"))


@router.post(
    "/withdrawals/{ref}/cancellation",
    **call(
        WithdrawalOut,
        NotFound,
        IllegalTransition,
        summary="No longer take it out",
        example=Example(_ASKED | {"status": "cancelled"}),
        writes=True,
    ),
)
def cancel_withdrawal(request: HttpRequest, ref: Ref) -> PartysWithdrawal | DeskWithdrawal:
    """Only until it is approved: then the money is free again."""
    user = party(request, "withdrawal.own").user
    operations.cancel_withdrawal(ref=ref, actor=user, now=clock.now())
    return _one_withdrawal(ref, user)


def _reader(request: HttpRequest, own: str) -> User:
    user = actor(request)
    capabilities.require(user, VIEW if user.counterparty is None else own)
    return user


def _balances(parties: Any) -> list[ClientBalances | LpBalances]:
    clients = balances.of_clients([one for one in parties if one.kind == Counterparty.Kind.CLIENT])
    lps = balances.of_lps([one for one in parties if one.kind == Counterparty.Kind.LP])
    return [
        ClientBalances(counterparty=one.ref, balances=[_balance(held) for held in clients[one.pk]])
        if one.pk in clients
        else LpBalances(counterparty=one.ref, balances=[_owed(owed) for owed in lps[one.pk]])
        for one in parties
    ]


def _balance(one: balances.Holding) -> BalanceOut:
    def plain(amount: Decimal) -> str:
        return f"{amount:.{one.unit.scale}f}"

    return BalanceOut(
        asset=one.unit.code,
        posted=plain(one.posted),
        held=plain(one.held),
        available=plain(one.available),
        credit=plain(one.credit),
    )


def _owed(one: balances.Owed) -> OwedOut:
    return OwedOut(asset=one.unit.code, owed=f"{one.amount:.{one.unit.scale}f}")


def _deposit(ref: str, reader: User) -> PartysDeposit | DeskDeposit:
    return _deposits([money.one_of(seen.deposits(reader).filter(ref=ref))], reader)[0]


def _deposits(rows: Any, reader: User) -> list[PartysDeposit | DeskDeposit]:
    if reader.counterparty is None:
        return [DeskDeposit(**_desks_deposit(row)) for row in rows]
    own = money.desk_accounts()
    return [PartysDeposit(**_any_deposit(row), pay_to=_pay_to(row, own.get(row.asset_id))) for row in rows]


def _any_deposit(row: Deposit) -> dict[str, Any]:
    return {
        "ref": row.ref,
        "currency": row.asset_id,
        "announced": _plain(row.announced, row),
        "amount": _plain(row.amount, row),
        "chain": row.wallet.chain if row.wallet else None,
        "tx_hash": row.tx_hash or None,
        "status": row.status,
        "confirmations": _confirmations(row),
        "created_at": row.created_at,
        "credited_at": row.credited_at,
    }


def _confirmations(row: Deposit) -> ConfirmationsOut | None:
    found = confirming.of(row)
    return ConfirmationsOut(seen=found.seen, needed=found.needed or None) if found else None


def _desks_deposit(row: Deposit) -> dict[str, Any]:
    return _any_deposit(row) | {
        "client": row.client.ref if row.client else None,
        "bank_reference": row.bank_reference,
        "sender": row.sender,
        "return_reference": row.return_reference,
        "reason": row.reason or None,
        "entered_by": row.entered_by.username if row.entered_by else None,
    }


def _pay_to(row: Deposit, account: BankAccount | None) -> PayTo | None:
    if account is None or row.status != Deposit.Status.ANNOUNCED:
        return None
    return PayTo(holder=account.holder, number=account.number, bank=account.bank, bic=account.bic, reference=row.ref)


def _one_withdrawal(ref: str, reader: User) -> PartysWithdrawal | DeskWithdrawal:
    return _withdrawal(money.one_of(seen.withdrawals(reader).filter(ref=ref)), reader)


def _withdrawal(row: Withdrawal, reader: User) -> PartysWithdrawal | DeskWithdrawal:
    to, payment = row.account or row.address, shown.payment(row)
    common: dict[str, Any] = {
        "ref": row.ref,
        "currency": row.asset_id,
        "amount": _plain(row.amount, row),
        "fee": _plain(row.fee, row),
        "destination": to.ref if to else "",
        "status": row.status,
        "bank_reference": row.bank_reference,
        "payment": PaymentOut(**payment) if payment else None,
        "created_at": row.created_at,
        "sent_at": row.sent_at,
    }
    if reader.counterparty is None:
        common |= {"client": row.client.ref, "requested_by": row.requested_by.username}
        return DeskWithdrawal(**common, reason=row.reason, return_reference=row.return_reference)
    return PartysWithdrawal(**common, reason=row.reason if row.status == Withdrawal.Status.DECLINED else None)


def _plain(amount: Decimal | None, row: Deposit | Withdrawal) -> str | None:
    return None if amount is None else f"{amount:.{row.asset.scale}f}"
