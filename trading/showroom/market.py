"""RFQs, quotes, trades, disputes, rates, LPs, exposure."""

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace

from rfq.forms import AssignForm, NoteForm, ResolveForm
from trading.showroom.facts import ADDRESS, REASON, Facts, Sample, like, usdt

Thing = SimpleNamespace


def samples(facts: Facts) -> Iterator[Sample]:
    """All of them."""
    yield from _rfqs(facts)
    yield from _trades(facts)
    yield from _disputes(facts)
    yield from _rates(facts)
    yield from _lps(facts)
    yield from _exposure(facts)


def rfq(facts: Facts, **more: object) -> Thing:
    """An RFQ for USDT."""
    usual = {
        "ref": "RFQ-7KQ2M4TX", "side": "buy", "pair": facts.pair, "counterparty": facts.client, "status": "quoted",
        "base_amount": usdt("12500.5"), "quote_amount": None, "created_at": facts.ago(minutes=4), "refusal": "",
        "expires_at": facts.ago(minutes=-1), "requested_by": facts.tara, "entered_by": None, "markup_bps": Decimal(25),
        "destination": like(chain="ethereum", address=ADDRESS),
    }  # fmt: skip
    return like(**usual | more)


def quote(facts: Facts, **more: object) -> Thing:
    """A quote on it."""
    usual = {
        "ref": "QTE-7KQ2M4TX", "lp": facts.lp, "quoted_by": facts.tara, "entered_by_id": None, "status": "active",
        "price": Decimal("0.9213"), "all_in_price": Decimal("0.9236"), "base_amount": usdt("12500.5"),
        "quote_amount": Decimal("11545.46"), "lp_quote_amount": Decimal("11516.71"), "created_at": facts.ago(minutes=3),
        "valid_until": facts.now, "refusal": "", "outcome": "", "get_outcome_display": "", "spread_bps": Decimal("2.5"),
    }  # fmt: skip
    return like(**usual | more)


def trade(facts: Facts) -> Thing:
    """A fill."""
    return like(
        ref="FIL-7KQ2M4TX", client=facts.client, lp=facts.lp, side="buy", base_amount=usdt("12500.5"),
        quote_amount=Decimal("11545.46"), price=Decimal("0.9236"), lp_price=Decimal("0.9213"), quote=quote(facts),
        accepted_by=facts.tara, filled_at=facts.ago(minutes=2), first_quote_ms=800, best_quote_ms=950, decision_ms=2000,
        quote_left_ms=9000, spread_bps=Decimal(25), lp_spread_bps=Decimal(10), cover_bps=None, rfq=rfq(facts),
        settlement=like(ref="STL-7KQ2M4TX", status="settled"),
    )  # fmt: skip


def _rfqs(facts: Facts) -> Iterator[Sample]:
    best = quote(facts)
    quoted = like(rfq=rfq(facts), best=best, base_amount=best.base_amount, quotes=2)
    in_fiat = rfq(facts, ref="RFQ-8TR3N5VY", side="sell", base_amount=None, quote_amount=Decimal(10_000), status="open")
    waiting = like(rfq=in_fiat, best=None, base_amount=None, quotes=0)
    yield facts.one("rfq_table", rows=[quoted, waiting])
    yield facts.one("latest_rfqs", rows=[quoted, waiting])
    yield facts.one("rfq_terms", rfq=rfq(facts))
    by_phone = rfq(facts, entered_by=facts.olga, refusal="desk_paused", status="rejected", destination=None)
    yield facts.one("rfq_terms", "by phone, to the balance, refused", rfq=by_phone)
    yield facts.one("rfq_terms", "of fiat, selling", rfq=in_fiat)
    gone = quote(facts, ref="QTE-8TR3N5VY", status="rejected", refusal="desk_paused", entered_by_id=2, spread_bps=None)
    yield facts.one("quotes_table", quotes=[best, gone], rfq=rfq(facts))
    asked = [
        like(invitation=like(lp=facts.lp, invited_at=facts.ago(minutes=4), passed_at=at), answer=answer)
        for answer, at in (("answered", None), ("passed", facts.ago(minutes=3)), ("silent", None))
    ]
    yield facts.one("asked_table", asked=asked[:1])
    yield facts.one("asked_table", "passed", asked=asked[1:2])
    yield facts.one("asked_table", "silent", asked=asked[2:])


def _trades(facts: Facts) -> Iterator[Sample]:
    yield facts.one("fill", fill=trade(facts), rfq=rfq(facts))
    taken_back = like(reversed_at=facts.now, request=facts.request, evidence="MAIL-2026-118", dispute="DSP-7KQ2M4TX")
    yield facts.one("reversal", reversal=taken_back)
    terms = like(markup_bps=Decimal(25), minimum=usdt("100"), maximum=usdt("1000000"), daily_notional=usdt("5000000"))
    yield facts.one("terms_table", rows=[(facts.pair, terms)], may_change=True)
    yield facts.one("terms_table", "none", rows=[(facts.pair, None)], may_change=False)
    closed = like(**vars(facts.pair) | {"quote_asset_id": "AED", "code": "USDT/AED", "is_enabled": False})
    yield facts.one("pairs_table", pairs=[facts.pair, closed])


def _disputes(facts: Facts) -> Iterator[Sample]:
    fill = trade(facts)
    live = like(
        ref="DSP-7KQ2M4TX", fill=fill, party=facts.client, get_kind_display="Price", text=REASON, status="open",
        outcome="", get_outcome_display="", assigned_to=None, assigned_to_id=None, assigned_at=None,
        opened_by=facts.tara, opened_at=facts.ago(hours=1), closed_at=None, resolution="", is_live=True,
    )  # fmt: skip
    taken = like(
        **vars(live)
        | {"ref": "DSP-8TR3N5VY", "assigned_to": facts.olga, "assigned_to_id": 2, "assigned_at": facts.now,
           "status": "assigned"}
    )  # fmt: skip
    over = like(
        **vars(taken)
        | {"ref": "DSP-9WS4P6XZ", "status": "resolved", "outcome": "upheld", "get_outcome_display": "Upheld",
           "resolution": REASON, "closed_at": facts.now, "is_live": False, "opened_by": facts.olga}
    )  # fmt: skip
    yield facts.one("disputes_table", rows=[live, taken, over], actor=facts.olga)
    for state, dispute in (("open", live), ("taken", taken), ("over", over)):
        yield facts.one("dispute_facts", state, dispute=dispute)
    yield facts.one("dispute_trade", fill=fill, rfq=fill.rfq)
    yield facts.one("fill_disputes", fill=fill, disputes=[live], may_dispute=True)
    yield facts.one("fill_disputes", "none", fill=fill, disputes=[], may_dispute=True)
    notes = [
        like(pk=1, author=facts.olga, is_internal=True, added_at=facts.ago(minutes=9), text=REASON),
        like(pk=2, author=facts.tara, is_internal=False, added_at=facts.ago(minutes=5), text=REASON),
    ]
    yield facts.one("dispute_notes", notes=notes)
    yield facts.one("dispute_notes", "none", notes=[])
    file = like(
        pk=1, name="proof.txt", size=1234, sent_by=facts.tara, added_at=facts.now, forwarded_from="Bank",
        sha256="9fb29aac" * 8,
    )  # fmt: skip
    yield facts.one("dispute_files", files=[file], ref=live.ref)
    yield facts.one("dispute_files", "none", files=[], ref=live.ref)
    forms = {"assign": AssignForm(people=[], actor=facts.reader), "note": NoteForm(), "resolve": ResolveForm()}
    usual = {"assign": None, "note": None, "resolve": None, "may_give_back": False, "took_part": False}
    yield facts.one("dispute_desk", "open", desk=like(**usual | {"assign": forms["assign"]}), dispute=live)
    handling = usual | {"note": forms["note"], "resolve": forms["resolve"], "may_give_back": True}
    yield facts.one("dispute_desk", "taken", desk=like(**handling), dispute=taken)
    yield facts.one("dispute_desk", "who took part", desk=like(**usual | {"took_part": True}), dispute=live)
    yield facts.one("dispute_desk", "over", desk=like(**usual), dispute=over)


def _rates(facts: Facts) -> Iterator[Sample]:
    sources = [{"source": "kraken", "mid": "0.9203", "use": use, "age": 3} for use in ("used", "outlier", "stale")]
    latest = like(mid=Decimal("0.92"), sources=sources)
    good = like(
        pair=facts.pair, is_good=True, latest=latest, last_good=latest, age=3, status="ok", low=Decimal("0.91"),
        high=Decimal("0.93"),
    )  # fmt: skip
    other = like(**vars(facts.pair) | {"code": "USDT/AED"})
    bad = like(
        pair=other,
        is_good=False,
        latest=None,
        last_good=None,
        age=None,
        status="missing",
        low=None,
        high=None,
        why="no source answers",
    )
    yield facts.one("rates_table", standings=[good, bad])
    yield facts.one("rate_sources_table", sources=[(like(name="kraken", problem=""), 3)])
    yield facts.one("rate_sources_table", "in trouble", sources=[(like(name="bitstamp", problem="answers 503"), None)])


def _figures(**more: object) -> Thing:
    counted = ("asked", "answered", "passes", "quotes", "rejected", "pulled", "contested", "traded", "cover", "tied")
    shares = ("response_rate", "reject_rate", "hit_rate", "cover_rate", "tied_rate")
    usual = {**dict.fromkeys(counted, 7), **dict.fromkeys(shares, Decimal("87.5"))}
    usual |= {"first_p50_ms": 800, "first_p95_ms": 1900, "cover_bps": Decimal("1.2"), "distance_bps": Decimal("0.8")}
    return like(**usual | {"volume": usdt("125000")} | more)


def _lps(facts: Facts) -> Iterator[Sample]:
    figures = _figures()
    shares = ("response_rate", "reject_rate", "hit_rate", "cover_rate", "tied_rate", "first_p50_ms", "first_p95_ms")
    nothing = _figures(asked=0, answered=0, quotes=0, **dict.fromkeys(shares), cover_bps=None, distance_bps=None)
    yield facts.one("scorecard", figures=figures, unsettled=usdt("5000"))
    yield facts.one("scorecard", "never asked", figures=nothing, unsettled=usdt("0"))
    part = like(pair="USDT/EUR", bucket="large", figures=figures)
    yield facts.one("scorecard_parts", rows=[(part, "10,000 to 100,000")], total=figures)
    terms = like(
        paused_at=None, paused_by=None, pause_reason="", pause_window=20, minimum_response_percent=60,
        maximum_reject_percent=10, unsettled_cap=usdt("100000"),
    )  # fmt: skip
    paused = like(**vars(terms) | {"paused_at": facts.ago(hours=1), "pause_reason": REASON})
    free = like(**vars(terms) | {"pause_window": 0, "unsettled_cap": None})
    other = like(**vars(facts.lp) | {"ref": "CPY-9WS4P6XZ", "name": "Northwind Markets"})
    cards = [
        like(lp=facts.lp, terms=terms, program="heard", total=figures, unsettled=usdt("5000")),
        like(lp=other, terms=paused, program="silent", total=nothing, unsettled=usdt("0")),
    ]
    yield facts.one("scorecards_table", cards=cards, window="7d")
    for state, one in (("usual", terms), ("paused", paused), ("free", free)):
        yield facts.one("lp_standing", state, terms=one)
        yield facts.one("lp_terms", state, terms=one, unsettled=usdt("5000"))


def _exposure(facts: Facts) -> Iterator[Sample]:
    leg = like(
        asset="EUR", scale=2, side="buy", number=3, base_amount=usdt("37501.5"), quote_amount=Decimal("34636.38"),
        lp_quote_amount=Decimal("34550.13"), oldest_at=facts.ago(hours=1),
    )  # fmt: skip
    total = like(legs=[leg], number=3, base_amount=usdt("37501.5"), oldest_at=facts.ago(hours=1))
    yield facts.one("exposure_legs", exposure=total)
    share = like(
        ref=facts.client.ref, name=facts.client.name, number=3, bought=usdt("37501.5"), sold=usdt("0"),
        oldest_at=facts.ago(hours=1),
    )  # fmt: skip
    yield facts.one("exposure_shares", shares=[share], party="Client", url="users:counterparty")
    day = like(
        day=facts.now.date(), markup=Decimal("86.25"), scale=2, asset="EUR", fills=3, volume=usdt("37501.5"),
        spread_bps=Decimal(25), reference_bps=None,
    )  # fmt: skip
    yield facts.one("revenue_table", days=[day])
    yield facts.one("as_of", as_of=like(at=facts.ago(minutes=1), is_late=False))
    yield facts.one("as_of", "late", as_of=like(at=facts.ago(hours=1), is_late=True))
