"""People, counterparties and a market to trade in: the valid minimum, made by the real operations."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from rfq import operations as rfq_operations
from rfq.models import Dispute, DisputeNote, Fill, Pair, Quote, ReferencePolicy, ReferenceState, Rfq
from rfq.operations import Complaint, Remark, RfqRequest
from rfq.rates.base import Tick
from rfq.rates.fetching import Answer
from settlement import autosettle
from settlement import operations as settlement_operations
from settlement.models import Asset, PayoutAddress, Wallet
from trading.lib import clock
from trading.lib.money import Money
from users import operations as user_operations
from users.models import ApprovalRequest, Counterparty, User
from users.operations import NewUser, Proposal
from users.queries import onboarding

REASON = "Because the test needs exactly this to be so."
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
_numbers = count(1)

USUAL_TERMS = {"markup_bps": "20", "minimum": "100", "maximum": "1000000", "daily_notional": "5000000"}


def unique(prefix: str) -> str:
    """A name no other test object has."""
    return f"{prefix}-{next(_numbers)}"


def counterparty(kind: str = "client", name: str = "") -> Counterparty:
    """A legal entity without accounts or people."""
    return user_operations.create_counterparty(
        name=name or unique(kind.title()), kind=kind, actor=None, now=clock.now()
    )


def pending_user(
    username: str = "", *, of: Counterparty | None = None, language: str = "en", kind: str = User.Kind.HUMAN
) -> User:
    """A login nobody has let in yet, of a new person (or a service)."""
    name = username or unique("user")
    new = NewUser(username=name, full_name=name.title(), counterparty=of, language=language, kind=kind)
    return user_operations.create_user(new=new, actor=None, now=clock.now())


def founders() -> tuple[User, User]:
    """The first two of this desk, made on first use: both may propose anything, and decide on the other's."""
    pair = list(User.objects.filter(username__in=["founder-a", "founder-b"]).order_by("username"))
    if not pair:
        user_operations.lay_down_policies(now=clock.now())
        pair = [pending_user("founder-a"), pending_user("founder-b")]
        user_operations.bootstrap(first=pair[0], second=pair[1], reason=REASON, now=clock.now())
    return pair[0], pair[1]


def check(subject: User | Counterparty) -> None:
    """Everything that must be checked about it, passed; recorded by a founder it is not about."""
    if isinstance(subject, Counterparty):
        kinds: tuple[str, ...] = onboarding.OF_COUNTERPARTIES
    else:
        kinds = onboarding.OF_SERVICES if subject.kind == User.Kind.SERVICE else onboarding.OF_PEOPLE
    looks = [user_operations.Look(kind, "passed", REASON) for kind in kinds]
    first, second = founders()
    actor = second if isinstance(subject, User) and subject.person_id == first.person_id else first
    user_operations.record_checks(subject=subject, looks=looks, actor=actor, now=clock.now())


def newcomer(
    username: str = "", *, of: Counterparty | None = None, language: str = "en", kind: str = User.Kind.HUMAN
) -> User:
    """A pending login that can be let in: all that must be checked is."""
    made = pending_user(username, of=of, language=language, kind=kind)
    check(made)
    if of is not None and not of.onboarding_checks.exists():
        check(of)
    return made


def propose(act: str, subject_ref: str, *, by: User | None = None, **payload: object) -> ApprovalRequest:
    """A proposal of the first founder, or of somebody else, that asks the other founder to decide."""
    first, second = founders()
    proposer = by or first
    nominee = second if proposer != second else first
    proposal = Proposal(act, subject_ref, REASON, key=unique("proposal"), payload=payload, nominee=nominee)
    return user_operations.propose(proposal=proposal, actor=proposer, now=clock.now())


def decide(request: ApprovalRequest, *, by: User | None = None, verdict: str = "approve") -> ApprovalRequest:
    """The second founder's verdict, or somebody else's."""
    actor, digest = by or founders()[1], bytes(request.digest)
    return user_operations.decide(
        request_ref=request.ref,
        verdict=verdict,
        reason=REASON,
        digest=digest,
        actor=actor,
        proof=user_operations.step_up_in_sandbox(user=actor, digest=digest, now=clock.now()),
        now=clock.now(),
    )


def carry(act: str, subject_ref: str, **payload: object) -> ApprovalRequest:
    """Proposed by one founder, decided by the other, done."""
    done = decide(propose(act, subject_ref, by=None, **payload))
    assert done.status == ApprovalRequest.Status.EXECUTED, done.outcome
    return done


def need_passkey(role: str) -> None:
    """The founders have a role take a passkey only. They hold most themselves, and then decide nothing any more."""
    carry("second_factor.change", role, passkey_required=True)


def user(*roles: str, username: str = "", of: Counterparty | None = None, language: str = "en") -> User:
    """An active login of a new person with these roles; of a party of its own where the role needs one."""
    founders()
    if of is None and roles[:1] in {("trader",), ("lp",)}:
        of = counterparty("lp" if roles[0] == "lp" else "client")
    kind = User.Kind.SERVICE if roles == ("service",) else User.Kind.HUMAN
    made = newcomer(username, of=of, language=language, kind=kind)
    carry("user.approve", made.ref, roles=list(roles))
    return User.objects.select_related("counterparty").get(pk=made.pk)


def desk_login_of(user: User) -> User:
    """A second login of the same person, in operations."""
    name = unique("second")
    new = NewUser(username=name, full_name=name, person=user.person)
    login = user_operations.create_user(new=new, actor=None, now=clock.now())
    check(login)
    carry("user.approve", login.ref, roles=["ops"])
    return User.objects.get(pk=login.pk)


def narrowed(user: User) -> User:
    """Serves one counterparty only, which has nothing to do with any other."""
    user_operations.narrow_scope(user=user, keep=[counterparty()], actor=founders()[1], reason=REASON, now=clock.now())
    return User.objects.get(pk=user.pk)


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
    address = PayoutAddress.objects.create(
        counterparty=client, chain="simulated", address=unique("dest"), approved_at=now, usable_from=now
    )
    if flag_on:
        turn_flag_on()
    return Market(
        usdt=usdt_asset,
        eur=eur_asset,
        pair=pair,
        wallet=wallet,
        client=client,
        tara=user("trader", of=client),
        meridian=meridian,
        leo=user("lp", of=meridian),
        northwind=northwind,
        mina=user("lp", of=northwind),
        address=address,
    )


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


def fund(wallet: Wallet, amount: str) -> None:
    """USDT in the wallet."""
    settlement_operations.fund_wallet(
        wallet=wallet,
        money=Money(Decimal(amount), wallet.account.asset.unit),
        reference=unique("fund"),
        actor=None,
        now=clock.now(),
    )


def rfq(
    market: Market, *, side: str = "buy", amount: str = "10000", unit: str = "EUR", to_balance: bool = False
) -> Rfq:
    """An open RFQ of the market's client."""
    request = RfqRequest(
        pair="USDT/EUR",
        side=side,
        amount=Decimal(amount),
        unit=unit,
        client_rfq_id=unique("rfq"),
        destination_ref="balance" if to_balance else "",
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


def fill(market: Market, *, side: str = "buy", price: str = "0.92", to_balance: bool = False) -> Fill:
    """A trade: RFQ, quote, accept."""
    return accept(quote(rfq(market, side=side, to_balance=to_balance), market.leo, price), market.tara)


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


def resolved(dispute: Dispute, by: User, outcome: str = "upheld", text: str = REASON) -> Dispute:
    """Who handles it says what came of it."""
    return rfq_operations.resolve_dispute(
        dispute_ref=dispute.ref, outcome=outcome, text=text, actor=by, now=clock.now()
    )


def withdrawn(dispute: Dispute, by: User) -> Dispute:
    """The party no longer disputes the trade."""
    return rfq_operations.withdraw_dispute(dispute_ref=dispute.ref, actor=by, now=clock.now())
