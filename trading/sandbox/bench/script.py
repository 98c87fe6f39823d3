r"""
The lifecycle as plain SQL, for pgbench and for psycopg: what somebody would write who needs these rows alone.

One text serves both. `:name` is a variable; `\gset` keeps the columns of the one row that came. Texts and journals that
a lifecycle of ours wrote are given as patterns in which references stand as `@rfq`, `@fill` and so on. `#` is a quote's
number.
"""

import re

from rfq.operations.taking import TAKE

OF_TRADE = {"fill": "fill_ref", "settlement": "settlement_ref"}
REF = "translate(upper(left(md5(random()::text), 12)), '01', 'GH')"
JOB = "procrastinate_job_to_defer_v1"
RATE = """join rfq_referencestate as state on state.pair_id = pair.id
join rfq_referencerate as rate on rate.id = state.latest_id"""


def _audit(name: str, subject: str, after: str, *, actor: str = "", capability: str = "", jobs: str = "") -> str:
    """The event of an act and the job that tells of it, with more where the act asks for them."""
    who = f":{actor}::bigint, :{actor}_name" if actor else "null, 'system'"
    kind = re.sub("[#_].*", "", subject)
    told = "('messages', 'alerting.dispatch_event', 0, null, null, jsonb_build_object('event_id', event.id), null)"
    wanted = " || ".join([*([jobs] if jobs else []), f"array[{told}::{JOB}]"])
    return f"""with event as (
    insert into users_auditevent (at, name, actor_id, actor_name, capability, subject_type, subject_ref,
        before, after, reason, secondary_approver_id, digest, request_id, address)
    values (now(), '{name}', {who}, '{capability}', '{kind}', :{subject},
        '{{}}', {after}::jsonb, '', null, null, '', null) returning id
) select procrastinate_defer_jobs_v1({wanted}) from event;"""  # noqa: S608 - of this module's words alone


def _filled(pattern: str, **refs: str) -> str:
    """A pattern with its references in their places."""
    filled = f":{pattern}"
    for mark, ref in refs.items():
        filled = f"replace({filled}, '@{mark}', :{ref})"
    return filled


def _sweep(seconds: int) -> str:
    """One for all that ends in the same second."""
    at = f"date_trunc('second', now() + interval '{seconds} s') + interval '1 s'"
    lock = f"'rfq.sweep:' || extract(epoch from {at})::bigint"
    waiting = f"select from procrastinate_jobs as other where other.status = 'todo' and other.lock = {lock}"
    return (
        f"""array(select ('default', 'rfq.sweep', 0, {lock}, null, '{{}}', {at})::{JOB} where not exists ({waiting}))"""
    )


def _taken() -> str:
    """The very statement by which ours take a quote."""
    values = {"quote": ":quote#", "rfq": ":rfq", "sign": "1", "closes": "null", "now": "now()"}
    return re.sub(r"%[(](\w+)[)]s", lambda found: values[found[1]], TAKE.strip())


REQUEST = f"""
begin;
select terms.markup_bps, terms.minimum, terms.maximum, client.status, hours.windows, rate.mid, market.paused_at,
    known.id
from rfq_tradingterms as terms join users_counterparty as client on client.id = terms.counterparty_id
join rfq_pair as pair on pair.id = terms.pair_id {RATE}
left join rfq_tradinghours as hours on hours.counterparty_id = client.id
left join rfq_marketstate as market on true
left join rfq_rfq as known
    on known.counterparty_id = client.id and known.client_rfq_id = :own and known.status <> 'rejected'
where terms.counterparty_id = :client and terms.pair_id = :pair;
insert into rfq_rfq (ref, counterparty_id, requested_by_id, client_rfq_id, pair_id, side, quote_amount, markup_bps,
    status, created_at, updated_at, expires_at)
values ('RFQ-' || {REF}, :client, :trader, :own, :pair, 'buy', :amount, :markup,
    'open', now(), now(), now() + interval '90 s')
returning id as rfq, ref as rfq_ref \\gset
insert into rfq_invitation (rfq_id, lp_id, invited_at)
select :rfq::bigint, lp.id, now() from users_counterparty as lp left join rfq_lpterms as terms on terms.lp_id = lp.id
where lp.kind = 'lp' and lp.status = 'active' and terms.paused_at is null;
{_audit("rfq.created", "rfq_ref", ":after_rfq", actor="trader", capability="rfq.request", jobs=_sweep(90))}
commit;
"""  # noqa: S608

QUOTE = f"""
begin;
select lp.status from users_counterparty as lp where lp.id = :lp# for share;
select rfq.status, rfq.side, rfq.quote_amount, rfq.markup_bps, pair.price_scale, policy.band_bps, rate.mid, rate.sources
from rfq_rfq as rfq join rfq_pair as pair on pair.id = rfq.pair_id
join rfq_referencepolicy as policy on policy.pair_id = pair.id {RATE} where rfq.ref = :rfq_ref for update of rfq;
select terms.paused_at, hours.windows, market.paused_at, said.id,
    (select expires_at > clock_timestamp() from rfq_rfq where id = :rfq)
from users_counterparty as lp left join rfq_lpterms as terms on terms.lp_id = lp.id
left join rfq_tradinghours as hours on hours.counterparty_id = lp.id left join rfq_marketstate as market on true
left join rfq_quote as said on said.lp_id = lp.id and said.rfq_id = :rfq and said.status = 'active' where lp.id = :lp#;
insert into rfq_quote (ref, rfq_id, lp_id, quoted_by_id, idempotency_key, price, all_in_price, base_amount,
    quote_amount, lp_quote_amount, markup_amount, reference, spread_bps, status, created_at, updated_at, valid_until)
values ('QTE-' || {REF}, :rfq, :lp#, :dealer#, :own::text || '-#', :price#, :all_in#, :base#,
    :amount, :lp_quote#, :markup#, :reference, :spread#, 'active', now(), now(), now() + interval '30 s')
returning id as quote#, ref as quote#_ref \\gset
update rfq_rfq set status = 'quoted', updated_at = now() where id = :rfq and status = 'open';
{
    _audit(
        "quote.submitted",
        "quote#_ref",
        _filled("after_quote#", rfq="rfq_ref"),
        actor="dealer#",
        capability="rfq.quote",
        jobs=_sweep(30),
    )
}
commit;
"""  # noqa: S608

ACCEPT = f"""
begin;
select client.status, terms.minimum, terms.maximum, terms.daily_notional, hours.windows
from rfq_tradingterms as terms join users_counterparty as client on client.id = terms.counterparty_id
left join rfq_tradinghours as hours on hours.counterparty_id = client.id
where terms.counterparty_id = :client and terms.pair_id = :pair for update of client;
select quote.*, rfq.*, rate.*, coalesce((
    select base_amount from rfq_dailynotional where client_id = :client and day = current_date
), 0)
from rfq_quote as quote join rfq_rfq as rfq on rfq.id = quote.rfq_id join rfq_pair as pair on pair.id = rfq.pair_id
{RATE} where quote.ref = :quote#_ref for update of quote, rfq;
{_taken()};
select 'FIL-' || {REF} as fill_ref, 'STL-' || {REF} as settlement_ref \\gset
select is_on, is_covered from settlement_open({_filled("journals_trade", **OF_TRADE)}::jsonb);
insert into settlement_settlement (ref, trade_ref, client_id, lp_id, side, base_amount, quote_asset_id, quote_amount,
    lp_quote_amount, markup_amount, price, status, reason, detail, created_at, updated_at)
values (:settlement_ref, :fill_ref, :client, :lp#, 'buy', :base#, :fiat, :amount,
    :lp_quote#, :markup#, :all_in#, 'approved', 'covered', '', now(), now())
returning id as settlement \\gset
insert into rfq_fill (ref, rfq_id, quote_id, settlement_id, client_id, lp_id, accepted_by_id, idempotency_key, side,
    base_amount, quote_amount, price, lp_price, first_quote_ms, best_quote_ms, decision_ms, quote_left_ms, reference,
    spread_bps, lp_spread_bps, cover_bps, filled_at)
values (:fill_ref, :rfq, :quote#, :settlement, :client, :lp#, :trader, :own, 'buy',
    :base#, :amount, :all_in#, :price#, 1, 1, 1, 29000, :reference, :spread#, 0, 10, now());
{
    _audit(
        "fill.booked",
        "fill_ref",
        _filled("after_fill", rfq="rfq_ref", settlement="settlement_ref", **{"quote#": "quote#_ref"}),
        actor="trader",
        capability="rfq.accept",
        jobs="array[('money', 'settlement.pay', 0, :settlement_ref, null,"
        f" jsonb_build_object('settlement_id', :settlement::bigint), null)::{JOB}]",
    )
}
commit;
"""  # noqa: S608

SETTLE = f"""
begin;
select * from settlement_settlement where id = :settlement for update;
select is_on from settlement_gate();
select is_covered from settlement_post({_filled("journals_delivery", **OF_TRADE)}::jsonb);
update settlement_settlement
set status = 'settled', reason = 'delivered', detail = '', settled_at = now(), updated_at = now()
where id = :settlement and status = 'approved';
{_audit("settlement.settled", "settlement_ref", _filled("after_settled", fill="fill_ref"))}
commit;
"""  # noqa: S608


def whole(quotes: int, best: int) -> dict[str, str]:
    """The lifecycle's steps in their order, by the names that ours have; the quotes one after the other."""
    return {
        "create_rfq": REQUEST,
        **{f"submit_quote {number}": QUOTE.replace("#", str(number)) for number in range(quotes)},
        "accept_quote": ACCEPT.replace("#", str(best)),
        "pay": SETTLE,
    }
