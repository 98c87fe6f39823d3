"""What the calls about money take and answer. Amounts are strings; who reads decides the shape (`reader`)."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints

from settlement.api import PaymentOut
from users.api import Body, Reason, storable
from users.api_parties import Amount, Number, Paging, RefText, UnitCode

Chain = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,16}$")]
Text64 = Annotated[str, StringConstraints(max_length=64), AfterValidator(storable)]
Text140 = Annotated[str, StringConstraints(max_length=140), AfterValidator(storable)]
Kind = Literal["client", "lp"]
# By name: the description would mix up all enumerations that are called Status.
DepositStatus = Literal[
    "announced",
    "seen",
    "received",
    "suspense",
    "credited",
    "returned",
    "cancelled",
    "gone",
    "left_out",
    "undone",
    "taken_off",
]
WithdrawalStatus = Literal[
    "requested", "approved", "sent", "paying", "needs_review", "confirmed", "returned", "declined", "cancelled"
]
DestinationStatus = Literal["asked", "approved", "ended"]


class BalanceOut(Schema):
    """One currency. `available` is what may be traded or taken out without credit; `credit` is the whole line."""

    asset: str
    posted: Number
    held: Number
    available: Number
    credit: Number


class OwedOut(Schema):
    """What stands between the desk and an LP in one currency: negative is what the LP owes the desk."""

    asset: str
    owed: Number


class ClientBalances(Schema):
    """A client's money at the desk."""

    kind: Literal["client"] = "client"
    counterparty: str
    balances: list[BalanceOut]


class LpBalances(Schema):
    """What has accrued with an LP."""

    kind: Literal["lp"] = "lp"
    counterparty: str
    balances: list[OwedOut]


BalancesOf = Annotated[ClientBalances | LpBalances, Field(discriminator="kind")]


class BalancesOut(Schema):
    """A party's own; for the desk those it serves, the newest counterparty first."""

    items: list[BalancesOf]
    next: str | None


class DepositIn(Body):
    """What is on its way, by bank."""

    currency: UnitCode
    amount: Amount


class PayTo(Schema):
    """The desk's bank account, and what to write on the payment: the deposit's own ref, and nothing else."""

    holder: str
    number: str
    bank: str
    bic: str
    reference: str


class ReceivingOut(Schema):
    """Where to send USDT on one chain. Credited by itself is what comes from `senders`, your approved addresses."""

    chain: str
    address: str
    minimum: Annotated[Number, Field(description="Less in one transfer waits for people.")]
    senders: list[str]


class ReceivingsOut(Schema):
    """One for each wallet, by chain."""

    items: list[ReceivingOut]


class ConfirmationsOut(Schema):
    """Blocks that have it or are on top of it, and how many make it final."""

    seen: int
    needed: Annotated[int | None, Field(description="Nothing where the chain itself says when it is final.")]


class _Deposit(Schema):
    ref: str
    currency: str
    announced: Number | None
    amount: Annotated[Number | None, Field(description="What the bank received, or what came on chain.")]
    chain: Annotated[str | None, Field(description="Where USDT came in; nothing for what came by bank.")]
    tx_hash: str | None
    status: DepositStatus
    confirmations: Annotated[ConfirmationsOut | None, Field(description="While USDT is seen and not final yet.")]
    created_at: datetime
    credited_at: datetime | None


class PartysDeposit(_Deposit):
    """A client's own. `pay_to` while it has not come, if the desk takes the currency by bank."""

    reader: Literal["party"] = "party"
    pay_to: PayTo | None


class DeskDeposit(_Deposit):
    """A deposit as the desk sees it; without a client, nobody knows yet whose it is."""

    reader: Literal["desk"] = "desk"
    client: str | None
    bank_reference: str | None
    sender: str
    return_reference: str | None
    reason: Annotated[str | None, Field(description="Why what came on chain is not credited by itself.")]
    entered_by: Annotated[str | None, Field(description="Nobody: the desk saw it on its chain.")]


DepositOut = Annotated[PartysDeposit | DeskDeposit, Field(discriminator="reader")]


class DepositsOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[DepositOut]
    next: str | None


class DepositFilters(Paging):
    """Which deposits a list shows."""

    status: DepositStatus | None = None


class WithdrawalIn(Body):
    """What a client wants to have, where. `amount` is what arrives: the network's fee comes on top of it."""

    currency: UnitCode
    amount: Amount
    destination: Annotated[
        str,
        StringConstraints(pattern=r"^(ADR|BNK)-[A-Z0-9]{4,12}$"),
        Field(description="One of your approved addresses or bank accounts."),
    ]


class _Withdrawal(Schema):
    ref: str
    currency: str
    amount: Number
    fee: Number
    destination: str
    status: WithdrawalStatus
    bank_reference: str | None
    payment: PaymentOut | None
    created_at: datetime
    sent_at: datetime | None


class PartysWithdrawal(_Withdrawal):
    """A client's own. `reason` is why the desk declined it."""

    reader: Literal["party"] = "party"
    reason: str | None


class DeskWithdrawal(_Withdrawal):
    """A withdrawal as the desk sees it. `reason` is what its last step gave, or what it waits for."""

    reader: Literal["desk"] = "desk"
    client: str
    requested_by: str
    reason: str
    return_reference: str | None


WithdrawalOut = Annotated[PartysWithdrawal | DeskWithdrawal, Field(discriminator="reader")]


class WithdrawalsOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[WithdrawalOut]
    next: str | None


class WithdrawalFilters(Paging):
    """Which withdrawals a list shows."""

    status: WithdrawalStatus | None = None


class AddressIn(Body):
    """An address USDT shall go to. Only the desk names the party, in whose name it asks."""

    chain: Chain
    address: Annotated[Text64, Field(min_length=1)]
    label: Annotated[Text64, Field(description="What you call it; unique among your destinations.")] = ""
    party: Annotated[RefText | None, Field(description="For the desk alone: the client or the LP.")] = None


class AccountIn(Body):
    """A bank account money shall go to. Only the desk names the party, in whose name it asks."""

    currency: UnitCode
    holder: Annotated[Text140, Field(min_length=1)]
    number: Annotated[str, StringConstraints(min_length=1, max_length=50), AfterValidator(storable)]
    is_iban: bool = True
    bank: Annotated[Text140, Field(min_length=1)]
    bic: Annotated[str, StringConstraints(max_length=14), AfterValidator(storable)] = ""
    label: Annotated[Text64, Field(description="What you call it; unique among your destinations.")] = ""
    party: Annotated[
        RefText | Literal["desk"] | None,
        Field(description="For the desk alone: the client or the LP, or `desk` for one that clients pay in by."),
    ] = None


class EndingIn(Body):
    """Why nothing shall go there any more. A party needs no reason, the desk does."""

    reason: Reason = ""


class _Destination(Schema):
    ref: str
    label: str
    status: DestinationStatus
    asked_at: datetime
    approved_at: datetime | None
    ended_at: datetime | None


class AddressOut(_Destination):
    """An address. Usable when approved and past `usable_from`: new ones cool off."""

    chain: str
    address: str
    usable_from: datetime | None


class AccountOut(_Destination):
    """A bank account. Usable when approved."""

    currency: str
    holder: str
    number: str
    is_iban: bool
    bank: str
    bic: str


class PartysAddress(AddressOut):
    """One of one's own."""

    reader: Literal["party"] = "party"


class DeskAddress(AddressOut):
    """The same as the desk sees it."""

    reader: Literal["desk"] = "desk"
    counterparty: str
    asked_by: str | None


class PartysAccount(AccountOut):
    """One of one's own."""

    reader: Literal["party"] = "party"


class DeskAccount(AccountOut):
    """The same as the desk sees it; without a counterparty it is the desk's own."""

    reader: Literal["desk"] = "desk"
    counterparty: str | None
    asked_by: str


OneAddress = Annotated[PartysAddress | DeskAddress, Field(discriminator="reader")]
OneAccount = Annotated[PartysAccount | DeskAccount, Field(discriminator="reader")]


class PartysAddressDetail(PartysAddress):
    """The same with the refs of one's own addresses that begin and end alike: compare every letter."""

    looks_like: list[str]


class DeskAddressDetail(DeskAddress):
    """The same with the refs of the party's own addresses that begin and end alike: compare every letter."""

    looks_like: list[str]


AddressDetail = Annotated[PartysAddressDetail | DeskAddressDetail, Field(discriminator="reader")]


class AddressesOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[OneAddress]
    next: str | None


class AccountsOut(Schema):
    """Newest first; `next` is the `before` of the following page."""

    items: list[OneAccount]
    next: str | None


class DestinationFilters(Paging):
    """Which destinations a list shows."""

    status: DestinationStatus | None = None
