"""People, counterparties and a market to trade in: the valid minimum, made by the real operations."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rfq import operations as rfq_operations
from rfq.models import (
    Dispute,
    DisputeAttachment,
    DisputeNote,
    Fill,
    Pair,
    Quote,
    Receipt,
    ReferencePolicy,
    ReferenceState,
    Rfq,
)
from rfq.operations import Complaint, Received, Remark, RfqRequest
from rfq.rates.base import Tick
from rfq.rates.fetching import Answer
from settlement import autosettle
from settlement import operations as settlement_operations
from settlement import tasks as settlement_tasks
from settlement import wallet_limits as wallet_limits_now
from settlement import withdrawal_limits as limits
from settlement.models import Asset, BankAccount, PayoutAddress, Wallet
from settlement.operations import NewAddress, NewBankAccount
from settlement.wallets import simulated
from tests import jobs
from tests.factories.people import (
    REASON,
    carry,
    check,
    counterparty,
    decide,
    desk_login_of,
    founders,
    narrowed,
    need_passkey,
    newcomer,
    pending_user,
    propose,
    unique,
    user,
)
from tests.remembered import remembered
from trading.lib import clock
from trading.lib.money import Money
from users.models import ApprovalRequest, Counterparty, User

__all__ = [
    "REASON",
    "carry",
    "check",
    "counterparty",
    "decide",
    "desk_login_of",
    "founders",
    "narrowed",
    "need_passkey",
    "newcomer",
    "pending_user",
    "propose",
    "unique",
    "user",
]

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
USUAL_TERMS = {"markup_bps": "20", "minimum": "100", "maximum": "1000000", "daily_notional": "5000000"}


def turn_flag_on() -> None:
    """Automatic settlement, by both founders."""
    carry("flag.on", autosettle.FLAG)


def set_terms(client: Counterparty, pair: Pair, **terms: str) -> None:
    """A client's terms on the pair, by both founders; the usual ones but for those given."""
    carry("terms.change", client.ref, pair=pair.code, **{**USUAL_TERMS, **terms})


def open_pair(code: str = "USDT/EUR", **terms: int) -> Pair:
    """One more pair, by both founders."""
    usual = {"decimals": 2, "price_scale": 4, "rfq_ttl_seconds": 300, "quote_ttl_seconds": 30}
    carry("pair.open", code, **{**usual, **terms})
    return Pair.objects.select_related("quote_asset").get(code=code)


@dataclass
class Market:
    """Two assets, one pair, one funded wallet, one funded client and two LPs; the flag is on."""

    usdt: Asset
    eur: Asset
    pair: Pair
    wallet: Wallet
    client: Counterparty
    tara: User
    meridian: Counterparty
    leo: User
    northwind: Counterparty
    mina: User
    address: PayoutAddress


@remembered
def market(*, flag_on: bool = True, eur: str = "1000000", usdt: str = "1000000") -> Market:
    """A desk that can trade USDT/EUR."""
    now = clock.now()
    usdt_asset = Asset.objects.create(code="USDT", kind=Asset.Kind.TOKEN, scale=6)
    eur_asset = Asset.objects.create(code="EUR", kind=Asset.Kind.FIAT, scale=2)
    client, meridian, northwind = counterparty("client"), counterparty("lp"), counterparty("lp")
    assets = [usdt_asset, eur_asset]
    settlement_operations.open_accounts(assets=assets, counterparties=[client, meridian, northwind])
    pair = open_pair()
    reference(pair)
    set_terms(client, pair)
    wallet = settlement_operations.open_wallet(
        name=unique("hot"), chain="simulated", address=unique("sim"), asset=usdt_asset, now=now
    )
    fund(wallet, "10000000")
    deposit(client, eur_asset, eur)
    deposit(client, usdt_asset, usdt)
    to = address(client)
    if flag_on:
        turn_flag_on()
    leo, mina, tara = user("lp", of=meridian), user("lp", of=northwind), user("trader", of=client)
    jobs.clear(queue="messages")  # to tell of the set-up would be most of the work of many a test
    return Market(
        usdt=usdt_asset,
        eur=eur_asset,
        pair=pair,
        wallet=wallet,
        client=client,
        tara=tara,
        meridian=meridian,
        leo=leo,
        northwind=northwind,
        mina=mina,
        address=to,
    )


def second_pair(market: Market, code: str = "USDT/AED", mid: str = "3.67") -> Pair:
    """One more pair, with accounts and a reference; nobody has terms on it yet."""
    asset = Asset.objects.create(code=code.partition("/")[2], kind=Asset.Kind.FIAT, scale=2)
    parties = [market.client, market.meridian, market.northwind]
    settlement_operations.open_accounts(assets=[asset], counterparties=parties)
    pair = open_pair(code)
    reference(pair, mid)
    return pair


def reference(pair: Pair, mid: str = "0.92") -> None:
    """A reference that two sources agree on, good for an hour, in a band that lets a test quote what it likes."""
    limits = {"max_age_seconds": 3600, "band_bps": 5000, "max_jump_bps": 5000}
    ReferencePolicy.objects.update_or_create(pair=pair, defaults=limits)
    ReferenceState.objects.get_or_create(pair=pair)
    now = clock.now()
    answers = [Answer(name, (Tick(pair.code, Decimal(mid), now),)) for name in ("one", "two")]
    rfq_operations.take_rates(answers=answers, now=now)


def deposit(client: Counterparty, asset: Asset, amount: str) -> None:
    """Money on the client's balance."""
    if not Decimal(amount):
        return
    settlement_operations.book_deposit(
        counterparty=client,
        money=Money(Decimal(amount), asset.unit),
        reference=unique("dep"),
        actor=None,
        now=clock.now(),
    )


def credit(client: Counterparty, amount: str, currency: str = "EUR") -> None:
    """A credit line, by both founders."""
    carry("credit.change", client.ref, currency=currency, credit=amount)


def wallet_limits(chain: str, *, largest: str, daily: str) -> None:
    """Two people bound what the wallets of a chain may pay."""
    now = wallet_limits_now.values_of(wallet_limits_now.current())
    wanted = {f"largest_{chain}": largest, f"daily_{chain}": daily}
    carry("wallet_policy.change", wallet_limits_now.SUBJECT, **{**now, **wanted})


def withdrawal_limits(**changes: str) -> None:
    """Other limits or network fees of withdrawals, by both founders."""
    now = limits.values_of(limits.current())
    carry("withdrawal_policy.change", limits.SUBJECT, **{**now, **changes})


def fund(wallet: Wallet, amount: str) -> None:
    """USDT in the wallet: in the books, and on the chain where that is a table."""
    money, reference, now = Money(Decimal(amount), wallet.account.asset.unit), unique("fund"), clock.now()
    settlement_operations.fund_wallet(wallet=wallet, money=money, reference=reference, actor=None, now=now)
    if wallet.chain == "simulated":
        a_while_ago = now - timedelta(seconds=10)  # in a block by now
        simulated.mint(address=wallet.address, amount_minor=money.minor, reference=reference, now=a_while_ago)


def asked_address(
    client: Counterparty, address: str = "", *, chain: str = "simulated", label: str = ""
) -> PayoutAddress:
    """An address that the desk asked for in the client's name; nobody has approved it."""
    new = NewAddress(chain, address or unique("dest"), label, client.ref)
    return settlement_operations.ask_address(new=new, actor=founders()[0], now=clock.now())


def address(
    client: Counterparty, address: str = "", *, chain: str = "simulated", label: str = "", cooling_hours: int = 0
) -> PayoutAddress:
    """An address that USDT of the client may go to, by both founders."""
    asked = asked_address(client, address, chain=chain, label=label)
    carry("address.add", asked.ref, chain=asked.chain, address=asked.address, cooling_hours=cooling_hours)
    return PayoutAddress.objects.get(pk=asked.pk)


def asked_account(client: Counterparty | None, number: str = "DE89370400440532013000", **more: str) -> BankAccount:
    """A euro account that the desk asked for, of the client or its own; nobody has approved it."""
    usual = {"currency": "EUR", "holder": client.name if client else "The desk", "bank": "Commerzbank"}
    usual |= {"party": client.ref if client else "desk", **more}
    new = NewBankAccount(number=number, is_iban=True, **usual)
    return settlement_operations.ask_bank_account(new=new, actor=founders()[0], now=clock.now())


def account(client: Counterparty | None, number: str = "DE89370400440532013000", **more: str) -> BankAccount:
    """A euro account that money of the client may go to, or comes to the desk by; by both founders."""
    asked = asked_account(client, number, **more)
    carry("bank_account.add", asked.ref, currency=asked.currency_id, number=asked.number)
    return BankAccount.objects.get(pk=asked.pk)


def rfq(
    market: Market,
    *,
    side: str = "buy",
    amount: str = "10000",
    unit: str = "EUR",
    to_balance: bool = False,
    to: PayoutAddress | None = None,
) -> Rfq:
    """An open RFQ of the market's client; USDT goes to its oldest address, if none is named."""
    request = RfqRequest(
        pair="USDT/EUR",
        side=side,
        amount=Decimal(amount),
        unit=unit,
        client_rfq_id=unique("rfq"),
        destination_ref="balance" if to_balance else to.ref if to else "",
    )
    return rfq_operations.create_rfq(actor=market.tara, request=request, now=clock.now())


def quote(rfq: Rfq, dealer: User, price: str = "0.92", *, ttl_seconds: int | None = None) -> Quote:
    """A firm quote on the RFQ."""
    return rfq_operations.submit_quote(
        rfq_ref=rfq.ref,
        price=Decimal(price),
        actor=dealer,
        key=unique("quote"),
        now=clock.now(),
        ttl_seconds=ttl_seconds,
    )


def accept(quote: Quote, trader: User, *, key: str = "") -> Fill:
    """Take the quote."""
    return rfq_operations.accept_quote(quote_ref=quote.ref, actor=trader, key=key or unique("accept"), now=clock.now())


def fill(
    market: Market,
    *,
    side: str = "buy",
    price: str = "0.92",
    to_balance: bool = False,
    to: PayoutAddress | None = None,
) -> Fill:
    """A trade: RFQ, quote, accept."""
    return accept(quote(rfq(market, side=side, to_balance=to_balance, to=to), market.leo, price), market.tara)


def settled(market: Market, *, side: str = "buy") -> Fill:
    """A trade to the client's balance, delivered."""
    made = fill(market, side=side, to_balance=True)
    settlement_operations.pay(settlement_id=made.settlement.pk, signer=settlement_tasks.sign, now=clock.now())
    return Fill.objects.get(pk=made.pk)


def settled_by_hand(market: Market) -> Fill:
    """A sale made while the flag is off, whose euros the bank paid."""
    now = clock.now()
    settlement_operations.turn_flag_off(actor=founders()[0], reason=REASON, now=now)
    made = fill(market, side="sell")
    paid = {"account": account(market.client).ref, "bank_reference": unique("OUT")}
    carry("settlement.settle_manually", made.settlement.ref, **paid)
    return Fill.objects.get(pk=made.pk)


def reversed_(fill: Fill, *, dispute: str = "") -> Fill:
    """The trade, taken back by two."""
    signed = {"evidence": "MAIL-2026-118, page 3", "dispute": dispute}
    done = carry("fill.reverse", fill.settlement.ref, **signed)
    assert done.status == ApprovalRequest.Status.EXECUTED, done.outcome
    return Fill.objects.select_related("settlement__reversal").get(pk=fill.pk)


def receipt(fill: Fill, reader: User) -> Receipt:
    """The reader's signed receipt of it."""
    return rfq_operations.issue_receipt(trade_ref=fill.ref, actor=reader, now=clock.now())


def dispute(
    fill: Fill,
    *,
    by: User | None = None,
    party: Counterparty | None = None,
    kind: str = "price",
    text: str = REASON,
    key: str = "",
) -> Dispute:
    """The client's trader says that the price is wrong; or somebody else does, the desk in a party's name."""
    actor = by or fill.accepted_by
    complaint = Complaint(fill.ref, kind, text, key or unique("dispute"), party.ref if party else "")
    return rfq_operations.open_dispute(complaint=complaint, actor=actor, now=clock.now())


def assigned(dispute: Dispute, to: User, *, by: User | None = None) -> Dispute:
    """Given to one of the desk's people, by themselves or by somebody else."""
    return rfq_operations.assign_dispute(dispute_ref=dispute.ref, to=to, actor=by or to, now=clock.now())


def noted(dispute: Dispute, by: User, text: str = REASON, *, is_internal: bool = False, key: str = "") -> DisputeNote:
    """Somebody adds a note."""
    remark = Remark(text, key or unique("note"), is_internal)
    return rfq_operations.add_note(dispute_ref=dispute.ref, remark=remark, actor=by, now=clock.now())


def attached(
    dispute: Dispute, by: User, content: bytes = b"0.9213\n", *, name: str = "proof.txt", key: str = ""
) -> DisputeAttachment:
    """A party's file, as it is once it was fetched."""
    received = Received(name, content, key or unique("file"))
    return rfq_operations.attach(dispute_ref=dispute.ref, received=received, actor=by, now=clock.now())


def resolved(dispute: Dispute, by: User, outcome: str = "upheld", text: str = REASON) -> Dispute:
    """Who handles it says what came of it."""
    return rfq_operations.resolve_dispute(
        dispute_ref=dispute.ref, outcome=outcome, text=text, actor=by, now=clock.now()
    )


def withdrawn(dispute: Dispute, by: User) -> Dispute:
    """The party no longer disputes the trade."""
    return rfq_operations.withdraw_dispute(dispute_ref=dispute.ref, actor=by, now=clock.now())
