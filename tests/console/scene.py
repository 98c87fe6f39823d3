"""
A desk in the middle of a day, for looking at: people, wallets, RFQs and settlements in every state.

Rows are put where they stand, through the same gates as ever (births, steps, triggers), but
without the operations: what pages show does not depend on how it came about.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, cycle

from django.db import transaction

from rfq.models import Fill, Invitation, Pair, Quote, Rfq
from rfq.operations import take_rates
from rfq.rates.base import Tick
from rfq.rates.fetching import Answer
from settlement.ledger import Posting, open_counterparty_accounts, open_desk_accounts, pair_of, post
from settlement.models import Asset, LedgerAccount, PayoutAddress, Settlement, Transfer, TransferAttempt, Wallet
from tests import factories
from tests.remembered import remembered
from trading.lib import clock
from trading.lib.money import USDT
from users.encryption import encrypt
from users.models import AuditEvent, Counterparty, Person, Role, TotpDevice, User

PASSWORD = "correct horse battery staple"
TOTP_KEY = b"12345678901234567890"
ADDRESS = "0x9fB29AAc15b9A4B7F17c3385939b007540f4d791"
REFERENCE = {"mid": "0.92", "taken_at": "2026-11-26T12:00:00+00:00", "sources": []}
Status = Settlement.Status
BORN_FOR: dict[str, str] = {Status.FLAGGED_OFF: "auto_settlement_off", Status.AWAITING_APPROVAL: "above_threshold"}
_numbers = count(1)


@dataclass
class Scene:
    """What tests ask for by name."""

    rfqs: list[Rfq]
    settlements: list[Settlement]


@remembered
def person(username: str, *roles: str, counterparty: Counterparty | None = None, language: str = "en") -> User:
    """An active login with these roles and the password `PASSWORD`; the one that has the name already, if any."""
    if known := User.objects.filter(username=username).first():
        return known
    user = User(username=username, counterparty=counterparty, language=language)
    user.person = Person.objects.create(full_name=username.title())
    user.set_password(PASSWORD)
    user.save()
    factories.founders()
    factories.check(user)
    if counterparty is not None and not counterparty.onboarding_checks.exists():
        factories.check(counterparty)
    factories.carry("user.approve", user.ref, roles=list(roles))
    return User.objects.get(pk=user.pk)


def authenticator(user: User) -> TotpDevice:
    """A confirmed authenticator app with the secret `TOTP_KEY`; the one there is, if any."""
    known: TotpDevice | None = TotpDevice.objects.filter(user=user, confirmed=True).first()
    if known is not None:
        return known
    device = TotpDevice(user=user, name="authenticator", confirmed=True, secret=encrypt(TOTP_KEY))
    device.save()
    return device


def market() -> Pair:
    """USDT/EUR, and a hot wallet with 250,000 USDT."""
    usdt, _ = Asset.objects.get_or_create(code="USDT", defaults={"kind": "token", "scale": 6, "chain": "simulated"})
    euro, _ = Asset.objects.get_or_create(code="EUR", defaults={"kind": "fiat", "scale": 2})
    for asset in (usdt, euro):
        open_desk_accounts(asset)
    hot, made = LedgerAccount.objects.get_or_create(
        code="hot:simulated", defaults={"kind": "hot", "asset": usdt, "normal": "D", "is_cached": True}
    )
    if made:
        Wallet.objects.create(
            name="Hot simulated", chain="simulated", address="sim1hot", account=hot, minimum=Decimal(100_000)
        )
        with transaction.atomic():
            legs = pair_of("hot:simulated", "suspense:USDT", 250_000 * 10**USDT.scale)
            post(Posting("scene:hot", "opening", "scene", legs))
    return Pair.objects.filter(code="USDT/EUR").first() or factories.open_pair("USDT/EUR")


def rates() -> None:
    """A good reference with an outlier, a pair without one, and a source in trouble."""
    pair = market()
    if not Pair.objects.filter(code="USDT/AED").exists():
        factories.open_pair("USDT/AED")
    now = clock.now()
    said = {"kraken": "0.9203", "bitstamp": "0.9199", "exchange-with-a-long-name": "0.97"}
    answers = [Answer(name, (Tick(pair.code, Decimal(mid), now),)) for name, mid in said.items()]
    problem = "USDT/AED: rates.example answers 503; USDT/EUR: rates.example answers no JSON: Expecting value: line 1"
    take_rates(answers=[*answers, Answer("fx", (), problem)], now=now)


def build(rfqs: int = 8) -> Scene:
    """Make `rfqs` RFQs and about as many settlements, in all the states there are."""
    pair = market()
    now = clock.now()
    client, _made = Counterparty.objects.get_or_create(name="Pars Export Co.", kind="client")
    names = ("Meridian Liquidity", "Northwind Markets")
    lps = [Counterparty.objects.get_or_create(name=name, kind="lp")[0] for name in names]
    open_counterparty_accounts(client, [pair.quote_asset])
    trader = person("tara", Role.TRADER, counterparty=client)
    dealers = [person(name, Role.LP, counterparty=lp) for name, lp in zip(("leo", "mina"), lps, strict=True)]
    address = PayoutAddress.objects.filter(counterparty=client).first() or factories.address(client, ADDRESS)
    states = cycle(["open", "filled", "quoted", "filled", "expired", "filled", "cancelled", "filled"])
    endings = cycle([Status.FLAGGED_OFF, Status.SETTLED, Status.BLOCKED, Status.PAYING, Status.AWAITING_APPROVAL])
    scene = Scene([], [])
    for number, status in zip(range(rfqs), states, strict=False):
        at = now - timedelta(minutes=3 * (rfqs - number))
        rfq = _rfq(pair, trader, number=number, at=at, address=address)
        scene.rfqs.append(rfq)
        Invitation.objects.bulk_create([Invitation(rfq=rfq, lp=lp, invited_at=at) for lp in lps])
        quotes = [] if status == "open" else [_quote(rfq, user, number, at) for user in dealers]
        if quotes:
            rfq.move("quoted", at=at)
        if status == "filled":
            settlement = _fill(rfq, quotes[0], trader, next(endings), at)
            scene.settlements.append(settlement)
        elif status not in {"open", "quoted"}:
            for quote in quotes:
                quote.move("expired", at=at)
            rfq.move(status, at=at)
    return scene


def _rfq(pair: Pair, trader: User, *, number: int, at: datetime, address: PayoutAddress) -> Rfq:
    client = address.counterparty
    side = "sell" if number % 4 == 1 else "buy"
    in_base = number % 2 == 0
    rfq = Rfq.objects.create(
        counterparty=client,
        requested_by=trader,
        client_rfq_id=f"scene-{next(_numbers)}",
        pair=pair,
        side=side,
        base_amount=Decimal("12500.5") + number if in_base else None,
        quote_amount=None if in_base else Decimal(10_000 + number),
        destination=address if side == "buy" else None,
        markup_bps=Decimal(25),
        created_at=at,
        updated_at=at,
        expires_at=at + timedelta(minutes=5),
    )
    _event("rfq.created", trader, rfq.ref, at)
    return rfq


def _quote(rfq: Rfq, dealer: User, number: int, at: datetime) -> Quote:
    lp = dealer.counterparty
    assert lp is not None
    price = Decimal("0.9213") + Decimal(lp.pk % 7) / 10_000
    base = rfq.base_amount or ((rfq.quote_amount or Decimal(0)) / price).quantize(Decimal("0.000001"))
    quote = Quote.objects.create(
        rfq=rfq,
        lp=lp,
        quoted_by=dealer,
        idempotency_key=f"scene-{next(_numbers)}",
        price=price,
        all_in_price=price + Decimal("0.0023"),
        base_amount=base,
        quote_amount=(base * (price + Decimal("0.0023"))).quantize(Decimal("0.01")),
        lp_quote_amount=(base * price).quantize(Decimal("0.01")),
        markup_amount=(base * Decimal("0.0023")).quantize(Decimal("0.01")),
        created_at=at,
        updated_at=at,
        valid_until=at + timedelta(seconds=30),
    )
    _event("quote.submitted", dealer, quote.ref, at)
    return quote


def _fill(rfq: Rfq, quote: Quote, trader: User, ending: str, at: datetime) -> Settlement:
    quote.move("traded", at=at)
    rfq.move("filled", at=at)
    settlement = _settlement(rfq, quote, ending, at)
    Fill.objects.create(
        rfq=rfq,
        quote=quote,
        settlement=settlement,
        client=rfq.counterparty,
        lp=quote.lp,
        accepted_by=trader,
        idempotency_key=f"scene-{rfq.ref}",
        side=rfq.side,
        base_amount=quote.base_amount,
        quote_amount=quote.quote_amount,
        price=quote.all_in_price,
        lp_price=quote.price,
        first_quote_ms=800,
        best_quote_ms=800,
        decision_ms=2000,
        quote_left_ms=9000,
        reference=REFERENCE,
        spread_bps=Decimal(25),
        lp_spread_bps=Decimal(10),
        filled_at=at,
    )
    _event("quote.accepted", trader, rfq.ref, at)
    _event("settlement.opened", None, settlement.ref, at)
    return settlement


def _settlement(rfq: Rfq, quote: Quote, ending: str, at: datetime) -> Settlement:
    born = {Status.FLAGGED_OFF, Status.AWAITING_APPROVAL}
    settlement = Settlement.objects.create(
        trade_ref=quote.ref,
        client=rfq.counterparty,
        lp=quote.lp,
        side=rfq.side,
        base_amount=quote.base_amount,
        quote_asset=rfq.pair.quote_asset,
        quote_amount=quote.quote_amount,
        lp_quote_amount=quote.lp_quote_amount,
        markup_amount=quote.markup_amount,
        price=quote.all_in_price,
        destination=rfq.destination,
        status=ending if ending in born else Status.APPROVED,
        reason=BORN_FOR.get(ending, "covered"),
        created_at=at,
        updated_at=at,
    )
    with transaction.atomic():
        legs = pair_of("bank:EUR", "suspense:EUR", int(quote.quote_amount * 100))
        post(Posting(f"scene:{settlement.ref}", "settlement", settlement.ref, legs))
    if ending == Status.BLOCKED:
        settlement.move(ending, at=at, reason="wallet_low")
    elif ending == Status.SETTLED and settlement.side == "sell":
        settlement.move(ending, at=at, reason="delivered", settled_at=at)
    elif ending in {Status.PAYING, Status.SETTLED} and settlement.side == "buy":
        settlement.move(Status.PAYING, at=at, reason="signed")
        transfer = _transfer(settlement, at)
        if ending == Status.SETTLED:
            transfer.move("mined", at=at, confirmations=12)
            transfer.move("final", at=at, final_at=at)
            settlement.move(ending, at=at, reason="delivered", settled_at=at)
    return settlement


def _transfer(settlement: Settlement, at: datetime) -> Transfer:
    wallet = Wallet.objects.get(name="Hot simulated")
    transfer = Transfer.objects.create(
        settlement=settlement,
        wallet=wallet,
        to_address=ADDRESS,
        amount_minor=int(settlement.base_amount * 10**6),
        nonce=Transfer.objects.count(),
        created_at=at,
        updated_at=at,
    )
    attempt = TransferAttempt.objects.create(
        transfer=transfer, raw=b"\x02", tx_hash=f"0x{transfer.pk:064x}", created_at=at, broadcast_at=at
    )
    attempt.move("broadcast", at=at)
    transfer.move("broadcast", at=at, confirmations=3)
    return transfer


def _event(name: str, actor: User | None, ref: str, at: datetime) -> None:
    AuditEvent.objects.create(
        at=at,
        name=name,
        actor=actor,
        actor_name=actor.username if actor else "system",
        subject_type=ref[:3].lower(),
        subject_ref=ref,
        request_id="REQ-7KQ2M4TX",
    )
