"""Whatever clients and LPs do in whatever order: one fill per RFQ at most, none of a quote that had expired."""

from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, F, Max, Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from rfq import operations
from rfq.models import Fill, Heartbeat, Quote, Rfq
from settlement import operations as settlement_operations
from settlement import tasks
from settlement.models import Balance, Entry, Settlement
from tests import factories, tiers
from tests.factories import Market
from trading.lib import clock
from trading.lib.errors import DeskError

BOUNDED = settings(
    max_examples=tiers.examples(12, 120),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
LARGEST, A_DAY = Decimal(12_000), Decimal(20_000)
choices = st.integers(min_value=0, max_value=1000)
sides = st.sampled_from(["buy", "sell"])


LIMITS = {"insufficient_balance", "below_minimum", "above_maximum", "daily_limit"}


class Desk(RuleBasedStateMachine):
    """One client, two LPs. A market per run; RFQs of earlier runs are not looked at."""

    market: Market

    @initialize(funds=st.sampled_from(["1000", "30000"]))
    def open(self, funds: str) -> None:
        client = factories.counterparty()
        assets = [self.market.usdt, self.market.eur]
        settlement_operations.open_accounts(assets=assets, counterparties=[client])
        factories.set_terms(client, self.market.pair, maximum=str(LARGEST), daily_notional=str(A_DAY))
        for asset in assets:
            factories.deposit(client, asset, funds)
        self.client, self.trader = client, factories.user("trader", of=client)
        self.ops = factories.user("ops")
        self.rfqs: list[Rfq] = []
        self.quotes: list[Quote] = []

    @rule(side=sides, amount=st.integers(min_value=1, max_value=40_000), is_usdt=st.booleans())
    def ask(self, side: str, amount: int, is_usdt: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        request = operations.RfqRequest(
            pair="USDT/EUR",
            side=side,
            amount=Decimal(amount),
            unit="USDT" if is_usdt else "EUR",
            client_rfq_id=factories.unique("rfq"),
        )
        try:
            self.rfqs.append(operations.create_rfq(actor=self.trader, request=request, now=clock.now()))
        except DeskError as refusal:
            assert refusal.code in {"below_minimum", "above_maximum"}  # noqa: PT017 - a refusal is a right outcome

    @rule(which=choices, lp=st.booleans(), ticks=st.integers(min_value=9000, max_value=9500), is_old=st.booleans())
    def quote(self, which: int, ticks: int, lp: bool, is_old: bool) -> None:  # noqa: FBT001 - likewise
        if not self.rfqs:
            return
        try:
            made = operations.submit_quote(
                rfq_ref=self.rfqs[which % len(self.rfqs)].ref,
                price=Decimal(ticks) / 10_000,
                actor=self.market.leo if lp else self.market.mina,
                key=factories.unique("key"),
                now=clock.now() - timedelta(seconds=20 if is_old else 0),
                ttl_seconds=20,
            )
        except DeskError as refusal:
            assert refusal.code == "rfq_over"  # noqa: PT017 - likewise
        else:
            self.quotes.append(made)

    @rule(which=choices)
    def accept(self, which: int) -> None:
        if not self.quotes:
            return
        quote = Quote.objects.select_related("rfq").get(pk=self.quotes[which % len(self.quotes)].pk)
        silent = Heartbeat.objects.filter(lp=quote.lp_id, due_at__lte=clock.now()).exists()
        was_firm = quote.status == "active" and quote.valid_until > clock.now() and not silent
        try:
            fill = factories.accept(quote, self.trader)
        except DeskError as refusal:
            # sizes are looked at before the quote is taken, the balance after
            assert refusal.code in LIMITS if was_firm else refusal.code != "insufficient_balance"  # noqa: PT017
        else:
            assert was_firm
            assert (fill.quote, fill.lp_price) == (quote, quote.price)

    @rule(which=choices, lp=st.booleans())
    def pull(self, which: int, lp: bool) -> None:  # noqa: FBT001 - likewise
        if self.rfqs:
            self.try_to(
                operations.pull_quote,
                rfq_ref=self.rfqs[which % len(self.rfqs)].ref,
                actor=self.market.leo if lp else self.market.mina,
            )

    @rule(which=choices, ticks=st.integers(min_value=9000, max_value=9500))
    def take_down_by_phone(self, which: int, ticks: int) -> None:
        if not self.rfqs:
            return
        ref = self.rfqs[which % len(self.rfqs)].ref
        offer = operations.Offer(ref, Decimal(ticks) / 10_000, factories.unique("phone"), 60)
        try:
            made = operations.enter_quote(offer=offer, dealer=self.market.mina, actor=self.ops, now=clock.now())
        except DeskError as refusal:
            assert refusal.code == "rfq_over"  # noqa: PT017 - likewise
        else:
            self.quotes.append(made)

    @rule(which=choices)
    def confirm(self, which: int) -> None:
        if self.quotes:
            quote = self.quotes[which % len(self.quotes)]
            self.try_to(operations.confirm_quote, quote_ref=quote.ref, actor=self.market.mina)

    @rule(seconds=st.integers(min_value=5, max_value=60), is_silent=st.booleans())
    def beat(self, seconds: int, is_silent: bool) -> None:  # noqa: FBT001 - likewise
        at = clock.now() - timedelta(seconds=seconds + 1 if is_silent else 0)
        operations.beat(ttl_seconds=seconds, actor=self.market.leo, now=at)

    @rule()
    def watch(self) -> None:
        for lp in Heartbeat.objects.values_list("lp", flat=True):
            operations.watch_heartbeat(lp_id=lp, now=clock.now())

    @rule(which=choices)
    def cancel(self, which: int) -> None:
        if self.rfqs:
            self.try_to(operations.cancel_rfq, rfq_ref=self.rfqs[which % len(self.rfqs)].ref, actor=self.trader)

    @rule()
    def expire(self) -> None:
        operations.expire_due(now=clock.now())

    @rule()
    def settle(self) -> None:
        for settlement in Settlement.objects.filter(client=self.client, status="approved"):
            tasks.pay(settlement_id=settlement.pk)

    def try_to(self, act: object, **what: object) -> None:
        try:
            act(now=clock.now(), **what)  # type: ignore[operator]
        except DeskError as refusal:
            assert refusal.code in {"rfq_over", "no_such_quote"}  # noqa: PT017 - likewise

    @invariant()
    def one_fill_and_one_traded_quote_per_filled_rfq(self) -> None:
        filled = Rfq.objects.filter(status="filled").count()
        assert Fill.objects.count() == filled
        assert Fill.objects.values("rfq").distinct().count() == filled
        assert Quote.objects.filter(status="traded").count() == filled
        assert not Fill.objects.filter(filled_at__gt=F("quote__valid_until")).exists()
        assert not Rfq.objects.exclude(status="quoted").filter(quotes__status="active").exists()
        assert not Rfq.objects.exclude(status__in=Rfq.LIVE).filter(quotes__status="entered").exists()

    @invariant()
    def every_fill_has_its_facts_and_every_refusal_its_reason(self) -> None:
        times = ("first_quote_ms", "best_quote_ms", "decision_ms", "quote_left_ms")
        for fill in Fill.objects.select_related("rfq").prefetch_related("rfq__quotes"):
            assert all(getattr(fill, name) is not None for name in times)
            outcomes = sorted(quote.outcome for quote in fill.rfq.quotes.all() if quote.outcome)
            assert outcomes.count("traded") == 1
            assert outcomes.count("cover") <= 1
            assert (fill.cover_bps is not None) == bool({"cover", "tied"} & set(outcomes))
        for rejected in (Rfq.objects.filter(status="rejected"), Quote.objects.filter(status="rejected")):
            assert "" not in rejected.values_list("refusal", flat=True)

    @invariant()
    def no_limit_is_broken(self) -> None:
        traded = Fill.objects.filter(client=self.client).aggregate(total=Sum("base_amount"), largest=Max("base_amount"))
        assert (traded["total"] or 0) <= A_DAY
        assert (traded["largest"] or 0) <= LARGEST

    @invariant()
    def no_lp_has_two_live_quotes_on_one_rfq(self) -> None:
        live = Quote.objects.filter(status="active").values("rfq", "lp").annotate(number=Count("pk"))
        assert not live.filter(number__gt=1).exists()

    @invariant()
    def books_are_right(self) -> None:
        totals = Entry.objects.values("asset", "layer").annotate(total=Sum("amount")).order_by()
        assert {row["total"] for row in totals} <= {0}
        assert not Balance.objects.filter(held__gt=F("posted")).exists()
        held = Settlement.objects.filter(client=self.client, status__in=["approved", "paying"])
        buys = held.filter(side="buy").aggregate(total=Sum("quote_amount"))["total"] or 0
        balance = Balance.objects.get(account__counterparty=self.client, account__asset="EUR")
        assert balance.held == buys * 100


def test_the_market_holds_whatever_is_done(db: None) -> None:
    Desk.market = factories.market()

    run_state_machine_as_test(Desk, settings=BOUNDED)
