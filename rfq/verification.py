"""What the verification of the evidence looks at here: the market stands as two people said, both ways."""

from collections.abc import Iterable

from users import verification
from users.verification.findings import Finding, Kind, found_by

# The last request on each client's terms of a pair against what stands there. Terms of before two people decided them
# have the event of then.
TERMS = """
with last as (
    select distinct on (subject_ref, payload ->> 'pair') subject_ref, payload
    from users_approvalrequest where act = 'terms.change' and status = 'executed'
    order by subject_ref, payload ->> 'pair', closed_at desc
), standing as (
    select party.ref, pair.code, terms.* from rfq_tradingterms as terms
    join users_counterparty as party on party.id = terms.counterparty_id
    join rfq_pair as pair on pair.id = terms.pair_id
)
select coalesce(standing.ref, last.subject_ref), 'trades ' || coalesce(standing.code, last.payload ->> 'pair')
    || ' on other terms than two people carried'
from standing full join last on last.subject_ref = standing.ref and last.payload ->> 'pair' = standing.code
where standing.id is null
    or last.payload is null and not exists (
        select from users_auditevent as event
        where event.name = 'terms.set' and event.subject_ref = standing.ref and event.after ->> 'pair' = standing.code
            and (event.after ->> 'maximum')::numeric = standing.maximum
            and (event.after ->> 'markup_bps')::numeric = standing.markup_bps
    )
    or last.payload is not null
    and (standing.markup_bps, standing.minimum, standing.maximum, standing.daily_notional) is distinct from (
        (last.payload ->> 'markup_bps')::numeric, (last.payload ->> 'minimum')::numeric,
        (last.payload ->> 'maximum')::numeric, (last.payload ->> 'daily_notional')::numeric
    )
"""

HOURS = """
with last as (
    select distinct on (subject_ref) subject_ref, payload
    from users_approvalrequest where act = 'hours.change' and status = 'executed' order by subject_ref, closed_at desc
), standing as (
    select party.ref, hours.* from rfq_tradinghours as hours
    join users_counterparty as party on party.id = hours.counterparty_id
)
select coalesce(standing.ref, last.subject_ref), 'trades within other hours than two people carried'
from standing full join last on last.subject_ref = standing.ref
where (standing.time_zone, standing.windows) is distinct from
    (last.payload ->> 'time_zone', last.payload -> 'windows')
"""

LP_TERMS = """
with last as (
    select distinct on (subject_ref) subject_ref, payload from users_approvalrequest
    where act = 'lp_terms.change' and status = 'executed' order by subject_ref, closed_at desc
), standing as (
    select party.ref, terms.* from rfq_lpterms as terms join users_counterparty as party on party.id = terms.lp_id
)
select coalesce(standing.ref, last.subject_ref), 'quotes on other terms than two people carried'
from standing full join last on last.subject_ref = standing.ref
where (standing.unsettled_cap, standing.pause_window, standing.minimum_response_percent,
    standing.maximum_reject_percent) is distinct from (
        (last.payload ->> 'unsettled_cap')::numeric, (last.payload ->> 'pause_window')::smallint,
        (last.payload ->> 'minimum_response_percent')::smallint, (last.payload ->> 'maximum_reject_percent')::smallint
    )
"""

# A pair's numbers are those it was opened with and every change since; the first ones were there before anybody.
PAIRS = """
with changed as (
    select distinct on (subject_ref, term.key) subject_ref, term.key, term.value
    from users_approvalrequest as request, jsonb_each(request.payload) as term
    where request.act in ('pair.open', 'pair.change') and request.status = 'executed' and term.key <> 'decimals'
    order by subject_ref, term.key, closed_at desc
)
select changed.subject_ref, 'is traded by another ' || changed.key || ' than two people carried'
from changed left join rfq_pair as pair on pair.code = changed.subject_ref
where to_jsonb(pair) -> changed.key is distinct from changed.value
union all
select pair.code, 'was opened without a request that two people carried'
from rfq_pair as pair
where not exists (
    select from users_approvalrequest where act = 'pair.open' and subject_ref = pair.code and status = 'executed'
) and not exists (
    select from users_auditevent as event
    where event.name = 'pair.opened' and event.subject_ref = pair.code and event.actor_id is null
)
"""

# What goes on again after a stop, does so by its request; the last word recorded says which it was.
GOES_ON = """
with last as (
    select distinct on (subject_ref, stop.what) stop.what, event.subject_ref, event.name, event.after, event.actor_id
    from users_auditevent as event join (values
        ('desk', 'desk.paused'), ('desk', 'desk.resumed'), ('pair', 'pair.paused'), ('pair', 'pair.resumed'),
        ('lp', 'lp.paused'), ('lp', 'lp.resumed'), ('client', 'client.frozen'), ('client', 'client.unfrozen')
    ) as stop (what, name) on stop.name = event.name
    order by subject_ref, stop.what, event.id desc
), standing as (
    select 'desk' as what, 'market' as ref, paused_at is not null as is_stopped, null::bigint as own
    from rfq_marketstate
    union all select 'pair', code, not is_enabled, null from rfq_pair
    union all select 'lp', party.ref, paused_at is not null, party.id
    from rfq_lpterms join users_counterparty as party on party.id = lp_id
    union all select 'client', ref, status = 'frozen', null from users_counterparty where kind = 'client'
)
select standing.ref, case when standing.is_stopped then 'is stopped, and no audit event says so'
    else 'goes on without a request that two people carried' end
from standing left join last on last.what = standing.what and last.subject_ref = standing.ref
left join users_user as ender on ender.id = last.actor_id
left join users_approvalrequest as request on request.ref = last.after ->> 'request' and request.status = 'executed'
where standing.is_stopped is distinct from coalesce(last.name in (
        'desk.paused', 'pair.paused', 'lp.paused', 'client.frozen'
    ), false)
    or (not standing.is_stopped and last.name is not null and request.id is null
        and (standing.own is null or ender.counterparty_id is distinct from standing.own))
"""

STATEMENTS = (TERMS, HOURS, LP_TERMS, PAIRS, GOES_ON)


def check() -> Iterable[Finding]:
    """Terms, hours, caps, pairs and pauses against the requests and the log."""
    return found_by(Kind.UNRECONCILED, STATEMENTS, {})


def register() -> None:
    """Let every verification look at it."""
    verification.register(check)
