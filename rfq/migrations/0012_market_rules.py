"""
Terms, trading hours, LPs' terms and pairs change only in the transaction that executed the request of two people,
and only to what they signed. One person stops trading; two let it go on, and an LP ends a pause of its own.

Refusals begin with a code (MK01 ...). Rows that are there already stay as they are.
"""

from django.db import migrations

from trading.lib.schema import function_back, never_deleted

TERMS = """
create function rfq_tradingterms_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    party text := (select ref from users_counterparty where id = new.counterparty_id);
    request users_approvalrequest;
begin
    request := users_executed_here('terms.change', party);
    if request.id is null
        or (select code from rfq_pair where id = new.pair_id) is distinct from request.payload ->> 'pair'
        or (new.markup_bps, new.minimum, new.maximum, new.daily_notional) is distinct from (
            (request.payload ->> 'markup_bps')::numeric, (request.payload ->> 'minimum')::numeric,
            (request.payload ->> 'maximum')::numeric, (request.payload ->> 'daily_notional')::numeric
        ) then
        raise exception 'MK01 the terms of % change only by a request that two people carried', party
            using errcode = '42501';
    end if;
    if tg_op = 'UPDATE' and (new.id, new.counterparty_id, new.pair_id)
        is distinct from (old.id, old.counterparty_id, old.pair_id) then
        raise exception 'MK01 whose terms they are does not change' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert or update on rfq_tradingterms
    for each row execute function rfq_tradingterms_guard();
"""

HOURS = """
create function rfq_tradinghours_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    one rfq_tradinghours := case when tg_op = 'DELETE' then old else new end;
    party text := (select ref from users_counterparty where id = one.counterparty_id);
    request users_approvalrequest;
begin
    request := users_executed_here('hours.change', party);
    if request.id is null
        or tg_op = 'DELETE' and request.payload <> '{"always": true}'
        or tg_op <> 'DELETE' and (one.time_zone, one.windows) is distinct from
            (request.payload ->> 'time_zone', request.payload -> 'windows')
        or tg_op = 'UPDATE' and (one.id, one.counterparty_id) is distinct from (old.id, old.counterparty_id) then
        raise exception 'MK02 the trading hours of % change only by a request that two people carried', party
            using errcode = '42501';
    end if;
    return one;
end $$;
create trigger guard before insert or update or delete on rfq_tradinghours
    for each row execute function rfq_tradinghours_guard();
create trigger never_truncated before truncate on rfq_tradinghours
    for each statement execute function desk_append_only();
"""
HOURS_BACK = (
    "drop trigger never_truncated on rfq_tradinghours; drop trigger guard on rfq_tradinghours;"
    + function_back("rfq_tradinghours_guard()")
)

# An LP without terms may get an empty row at any time: so a pause finds something to lock.
LP_TERMS = """
create function rfq_lpterms_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    party text := (select ref from users_counterparty where id = new.lp_id);
    request users_approvalrequest;
    before rfq_lpterms;
begin
    if tg_op = 'UPDATE' then
        before := old;
        if (new.id, new.lp_id) is distinct from (old.id, old.lp_id) then
            raise exception 'MK03 whose terms they are does not change' using errcode = '42501';
        end if;
    end if;
    if (new.unsettled_cap, new.pause_window, new.minimum_response_percent, new.maximum_reject_percent)
        is distinct from (before.unsettled_cap, before.pause_window, before.minimum_response_percent,
            before.maximum_reject_percent) then
        request := users_executed_here('lp_terms.change', party);
        if request.id is null
            or (new.unsettled_cap, new.pause_window, new.minimum_response_percent, new.maximum_reject_percent)
            is distinct from (
                (request.payload ->> 'unsettled_cap')::numeric, (request.payload ->> 'pause_window')::smallint,
                (request.payload ->> 'minimum_response_percent')::smallint,
                (request.payload ->> 'maximum_reject_percent')::smallint
            ) then
            raise exception 'MK03 the terms of % change only by a request that two people carried', party
                using errcode = '42501';
        end if;
    end if;
    if (new.paused_at, new.paused_by_id, new.pause_reason)
        is distinct from (before.paused_at, before.paused_by_id, coalesce(before.pause_reason, '')) then
        perform rfq_lp_pause_guard(before, new, party);
    end if;
    return new;
end $$;

-- A pause of the LP's own may be ended by it, and give way to one of the desk's; any other takes two people.
create function rfq_lp_pause_guard(before rfq_lpterms, after rfq_lpterms, party text) returns void language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    was_own boolean := exists (
        select from users_user where id = before.paused_by_id and counterparty_id = after.lp_id
    );
    is_own boolean := exists (
        select from users_user where id = after.paused_by_id and counterparty_id = after.lp_id
    );
begin
    if before.paused_at is null and after.paused_at is not null then
        return;
    end if;
    if was_own and (after.paused_at is null or not is_own) then
        return;
    end if;
    if after.paused_at is null and (users_executed_here('lp.resume', party)).id is not null then
        return;
    end if;
    raise exception 'MK07 the pause of % ends only by a request that two people carried', party
        using errcode = '42501';
end $$;
create trigger guard before insert or update on rfq_lpterms for each row execute function rfq_lpterms_guard();
"""
LP_TERMS_BACK = "drop trigger guard on rfq_lpterms;" + function_back(
    "rfq_lp_pause_guard(rfq_lpterms, rfq_lpterms, text)", "rfq_lpterms_guard()"
)

# The first pairs are there before anybody is let in.
PAIR = """
create function rfq_pair_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    terms jsonb := jsonb_build_object('price_scale', new.price_scale, 'rfq_ttl_seconds', new.rfq_ttl_seconds,
        'quote_ttl_seconds', new.quote_ttl_seconds);
    before jsonb;
    request users_approvalrequest;
begin
    if tg_op = 'INSERT' then
        request := users_executed_here('pair.open', new.code);
        if users_nobody_is_active() or request.id is not null and terms = request.payload - 'decimals' then
            return new;
        end if;
        raise exception 'MK04 % is opened only by a request that two people carried', new.code
            using errcode = '42501';
    end if;
    if (new.id, new.code, new.quote_asset_id) is distinct from (old.id, old.code, old.quote_asset_id) then
        raise exception 'MK05 what a pair is does not change' using errcode = '42501';
    end if;
    before := jsonb_build_object('price_scale', old.price_scale, 'rfq_ttl_seconds', old.rfq_ttl_seconds,
        'quote_ttl_seconds', old.quote_ttl_seconds);
    if terms <> before then
        request := users_executed_here('pair.change', new.code);
        if request.id is null or terms <> before || request.payload then
            raise exception 'MK04 % changes only by a request that two people carried', new.code
                using errcode = '42501';
        end if;
        if new.price_scale <> old.price_scale and exists (
            select from rfq_fill as fill join rfq_rfq as rfq on rfq.id = fill.rfq_id where rfq.pair_id = new.id
        ) then
            raise exception 'MK05 the decimals of a price of % cannot change: it was traded', new.code
                using errcode = '42501';
        end if;
    end if;
    if new.is_enabled and not old.is_enabled and (users_executed_here('pair.resume', new.code)).id is null then
        raise exception 'MK06 % is traded again only by a request that two people carried', new.code
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert or update on rfq_pair for each row execute function rfq_pair_guard();
"""

DESK = """
create function rfq_marketstate_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if old.paused_at is not null and (new.paused_at, new.paused_by_id, new.reason)
        is distinct from (old.paused_at, old.paused_by_id, old.reason)
        and (new.paused_at is not null or (users_executed_here('desk.resume', 'market')).id is null) then
        raise exception 'MK08 the desk trades again only by a request that two people carried'
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before update on rfq_marketstate for each row execute function rfq_marketstate_guard();
"""

CLIENT = """
create function rfq_unfreeze_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if (users_executed_here('client.unfreeze', new.ref)).id is null then
        raise exception 'MK09 % is unfrozen only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger unfreeze_guard before update of status on users_counterparty
    for each row when (old.status = 'frozen' and new.status <> 'frozen') execute function rfq_unfreeze_guard();
"""

# Asked in the statement that takes a quote: it sees every pause that has committed by then.
GOES_ON = """
create function rfq_goes_on(wanted_pair bigint, wanted_lp bigint) returns boolean
    language sql volatile set search_path = pg_catalog, public, pg_temp as $$
    select exists (select from rfq_pair where id = wanted_pair and is_enabled)
        and not exists (select from rfq_marketstate where paused_at is not null)
        and not exists (select from rfq_lpterms where lp_id = wanted_lp and paused_at is not null)
$$;
"""

TOOK_EFFECT = """
create function rfq_market_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    party bigint := (select id from users_counterparty where ref = new.subject_ref);
    terms rfq_lpterms;
    is_done boolean;
begin
    select * into terms from rfq_lpterms where lp_id = party;
    is_done := case new.act
        when 'terms.change' then exists (
            select from rfq_tradingterms as one join rfq_pair as pair on pair.id = one.pair_id
            where one.counterparty_id = party and pair.code = new.payload ->> 'pair'
                and one.markup_bps = (new.payload ->> 'markup_bps')::numeric
                and one.minimum = (new.payload ->> 'minimum')::numeric
                and one.maximum = (new.payload ->> 'maximum')::numeric
                and one.daily_notional = (new.payload ->> 'daily_notional')::numeric
        )
        when 'hours.change' then (
            (select time_zone from rfq_tradinghours where counterparty_id = party),
            (select windows from rfq_tradinghours where counterparty_id = party)
        ) is not distinct from (new.payload ->> 'time_zone', new.payload -> 'windows')
        when 'lp_terms.change' then (terms.unsettled_cap, terms.pause_window, terms.minimum_response_percent,
            terms.maximum_reject_percent) is not distinct from (
                (new.payload ->> 'unsettled_cap')::numeric, (new.payload ->> 'pause_window')::smallint,
                (new.payload ->> 'minimum_response_percent')::smallint,
                (new.payload ->> 'maximum_reject_percent')::smallint
            )
        when 'pair.open' then exists (select from rfq_pair where code = new.subject_ref)
        when 'pair.change' then exists (
            select from rfq_pair as pair where code = new.subject_ref and to_jsonb(pair) @> new.payload
        )
        when 'pair.resume' then exists (select from rfq_pair where code = new.subject_ref and is_enabled)
        when 'desk.resume' then not exists (select from rfq_marketstate where paused_at is not null)
        when 'lp.resume' then terms.paused_at is null
        when 'client.unfreeze' then exists (
            select from users_counterparty where id = party and status = 'active'
        )
    end;
    if not is_done then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger market_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act in ('terms.change', 'hours.change', 'lp_terms.change', 'pair.open',
        'pair.change', 'pair.resume', 'desk.resume', 'lp.resume', 'client.unfreeze'))
    execute function rfq_market_took_effect();
"""


class Migration(migrations.Migration):
    dependencies = [("rfq", "0011_market_tables"), ("users", "0017_passkeys")]
    operations = [
        migrations.RunSQL(
            TERMS, "drop trigger guard on rfq_tradingterms;" + function_back("rfq_tradingterms_guard()")
        ),
        migrations.RunSQL(HOURS, HOURS_BACK),
        migrations.RunSQL(LP_TERMS, LP_TERMS_BACK),
        migrations.RunSQL(PAIR, "drop trigger guard on rfq_pair;" + function_back("rfq_pair_guard()")),
        migrations.RunSQL(
            DESK, "drop trigger guard on rfq_marketstate;" + function_back("rfq_marketstate_guard()")
        ),
        migrations.RunSQL(
            CLIENT, "drop trigger unfreeze_guard on users_counterparty;" + function_back("rfq_unfreeze_guard()")
        ),
        migrations.RunSQL(GOES_ON, function_back("rfq_goes_on(bigint, bigint)")),
        migrations.RunSQL(
            TOOK_EFFECT,
            "drop trigger market_took_effect on users_approvalrequest;"
            + function_back("rfq_market_took_effect()"),
        ),
        *never_deleted("rfq_tradingterms", "rfq_lpterms", "rfq_marketstate"),
    ]
