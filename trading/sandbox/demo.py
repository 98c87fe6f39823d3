"""
Something on every page of a new sandbox: what a working day leaves behind, made by the real operations.

Made once, on a desk where nobody has asked for a price yet. The worker pays the small trades; all else waits for
people.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rfq import operations as rfq_operations
from rfq.models import Fill, Rfq
from rfq.operations import Complaint, Remark, RfqRequest
from settlement import operations as settlement_operations
from settlement.models import BankAccount, PayoutAddress
from settlement.operations import Netting, NewAddress, NewBankAccount, Receipt, Wish
from trading.lib import clock
from trading.lib.ids import new_ref
from trading.sandbox import seed
from trading.sandbox.rates import MIDS, SOURCES
from trading.sandbox.seed import Say
from users import operations as user_operations
from users.models import ApprovalRequest, Counterparty, User
from users.operations import Look, NewUser, Proposal

ANSWER = "Demo data of the sandbox: the terms stay as they are."


@dataclass(frozen=True, slots=True)
class Trade:
    """What a demo client asked for, at an LP's price. `unit` is what the amount is in."""

    trader: str
    side: str
    amount: int
    unit: str
    dealer: str
    price: str


@dataclass(frozen=True, slots=True)
class Mid:
    """What a source says of a pair."""

    pair: str
    mid: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """What a source says."""

    source: str
    ticks: tuple[Mid, ...]
    problem: str = ""


# Of the last one two people release the USDT.
TRADES = (
    Trade("tara", "buy", 4_000, "EUR", "leo", "0.9205"),
    Trade("navid", "sell", 7_500, "USDT", "mina", "0.9188"),
    Trade("navid", "buy", 12_000, "EUR", "leo", "0.9207"),
    Trade("tara", "buy", 120_000, "USDT", "mina", "0.9206"),
)


def leave(say: Say) -> None:
    """Make it, unless somebody has traded here; says what it made."""
    if Rfq.objects.exists():
        return
    _rates()
    fills = [_trade(trade, f"demo-{number}") for number, trade in enumerate(TRADES, start=1)]
    _money()
    _lp_payment()
    _disputes(fills)
    _people()
    _proposals()
    say("demo data: trades, money that comes and goes, disputes, newcomers, requests that wait")


def _rates() -> None:
    """What the market will begin at, as its two sources will say it: nobody asks for a price without a reference."""
    now = clock.now()
    answers = [
        Said(f"sandbox-{name}", tuple(Mid(f"USDT/{code}", Decimal(str(mid)) * off, now) for code, mid in MIDS.items()))
        for name, off in SOURCES.items()
    ]
    rfq_operations.take_rates(answers=answers, now=now)


def _trade(trade: Trade, key: str) -> Fill:
    """Asked, answered, accepted; the worker does the rest."""
    trader, dealer = _user(trade.trader), _user(trade.dealer)
    amount = Decimal(trade.amount)
    request = RfqRequest(pair="USDT/EUR", side=trade.side, amount=amount, unit=trade.unit, client_rfq_id=key)
    asked = rfq_operations.create_rfq(actor=trader, request=request, now=clock.now())
    quote = rfq_operations.submit_quote(
        rfq_ref=asked.ref, price=Decimal(trade.price), actor=dealer, key=key, now=clock.now()
    )
    return rfq_operations.accept_quote(quote_ref=quote.ref, actor=trader, key=key, now=clock.now())


def _money() -> None:
    """Money announced, money of a client, money of nobody; a withdrawal; an address to be approved."""
    olga, tara, navid = _user("olga"), _user("tara"), _user("navid")
    settlement_operations.announce_deposit(
        currency="AED", amount=Decimal(25_000), actor=navid, key="demo", now=clock.now()
    )
    for client, sender, amount, reference in (
        (_party("Cedar Imports").ref, "Cedar Imports", 18_250, "DEMO-4401"),
        ("", "K. Berger", 9_800, "DEMO-4402"),
    ):
        receipt = Receipt("EUR", Decimal(amount), reference, sender, client=client)
        settlement_operations.record_deposit(receipt=receipt, actor=olga, key=reference, now=clock.now())
    account = BankAccount.objects.get(counterparty=tara.counterparty, currency="EUR")
    wish = Wish("EUR", Decimal(4_000), account.ref)
    settlement_operations.request_withdrawal(wish=wish, actor=tara, key="demo", now=clock.now())
    # Another client's: who decides is told of it.
    known = PayoutAddress.objects.get(counterparty=_party("Cedar Imports"))
    cold = NewAddress(known.chain, known.address, "Treasury", _party("Pars Export").ref)
    settlement_operations.ask_address(new=cold, actor=olga, now=clock.now())


def _lp_payment() -> None:
    """Part of what the desk owes an LP waits for a second person."""
    lp, olga = _party("Meridian Liquidity"), _user("olga")
    new = NewBankAccount("EUR", lp.name, "DEMO-EUR-0100", is_iban=False, bank="Sandbox Bank", label="Own", party=lp.ref)
    asked = settlement_operations.ask_bank_account(new=new, actor=olga, now=clock.now())
    seed.carry("bank_account.add", asked.ref, {"currency": asked.currency_id, "number": asked.number}, seed.ACCOUNTS)
    netting = Netting(lp.ref, "EUR", "out", asked.ref, Decimal(2_500))
    settlement_operations.request_lp_payment(netting=netting, actor=olga, key="demo", now=clock.now())


def _disputes(fills: list[Fill]) -> None:
    """One that nobody handles yet, one that olga does."""
    first, _sold, third, _large = fills
    _dispute(first, "price", "My screen showed 0.9201 when I pressed Accept, the receipt says more.", "demo-1")
    handled = _dispute(
        third, "settlement", "The USDT is not in our wallet yet, and nobody at your desk answers the phone.", "demo-2"
    )
    olga = _user("olga")
    rfq_operations.assign_dispute(dispute_ref=handled, to=olga, actor=olga, now=clock.now())
    remark = Remark(
        "The payment is final on the chain. Asked them which address they are looking at.", "demo", is_internal=True
    )
    rfq_operations.add_note(dispute_ref=handled, remark=remark, actor=olga, now=clock.now())


def _dispute(fill: Fill, kind: str, text: str, key: str) -> str:
    complaint = Complaint(fill.ref, kind, text, key)
    return rfq_operations.open_dispute(complaint=complaint, actor=fill.accepted_by, now=clock.now()).ref


def _people() -> None:
    """Nora's papers are half there; Omid's are, and a second person may let him in."""
    olga = _user("olga")
    nora = _newcomer("nora", "Nora Lind", _party("Aurora Trading"))
    look = Look("identity", "passed", seed.CHECKED)
    user_operations.record_checks(subject=nora, looks=[look], actor=olga, now=clock.now())
    omid = _newcomer("omid", "Omid Karimi", None)
    seed.check(omid)
    _propose("user.approve", omid.ref, olga, "Omid joins operations on the first of the month.", roles=["ops"])


def _proposals() -> None:
    """Better terms that wait for a decision; worse ones that were declined."""
    olga, client = _user("olga"), _party("Cedar Imports")
    less = {"pair": "USDT/AED", **seed.TERMS, "markup_bps": "80"}
    declined = _propose("terms.change", client.ref, olga, "A wider mark-up while the dirham is quiet.", **less)
    seed.decide(declined, "decline", ANSWER, by=_user("amir"))
    more = {"pair": "USDT/EUR", **seed.TERMS, "markup_bps": "12", "maximum": "750000"}
    _propose("terms.change", client.ref, olga, "Their volume has doubled since spring; agreed with sales.", **more)


def _propose(act: str, subject: str, by: User, reason: str, **payload: object) -> ApprovalRequest:
    proposal = Proposal(act, subject, reason, key=new_ref("KEY"), payload=payload, nominee=_user("amir"))
    return user_operations.propose(proposal=proposal, actor=by, now=clock.now())


def _newcomer(username: str, full_name: str, party: Counterparty | None) -> User:
    new = NewUser(username=username, full_name=full_name, counterparty=party, language="en", password="")
    return user_operations.create_user(new=new, actor=None, now=clock.now())


def _user(username: str) -> User:
    return User.objects.select_related("counterparty").get(username=username)


def _party(name: str) -> Counterparty:
    return Counterparty.objects.get(name=name)
