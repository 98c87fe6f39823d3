"""
Who lets a settlement go on, who ends it, and who lets transfers go on after a halt: the database agrees.

From the threshold on, a release takes a request that two people carried; so does every cancelling, the
backlog, the end of a halt and every change of these limits. Refusals begin with a code (ST01 ...).
"""

from django.db import migrations

from trading.lib.schema import append_only, function_back, only_changes_changed

FIRST = """
insert into settlement_settlementpolicy
    (version, release_threshold, backlog_batch, most_waiting, oldest_hours, made_at)
values (1, 100000, 50, 2000, 72, transaction_timestamp());
"""

# The gate's one reader; `settlement_auto_enabled` stays for the release before this one. Volatile: each statement inside sees what was committed before it, so the switches
# are read after the shared lock is held. A flip takes the same lock exclusively. What waits is looked at
# by the index on status, and no further than it takes to know.
GATE = """
create function settlement_gate(out is_on boolean, out is_halted boolean, out threshold numeric, out is_full boolean)
    language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
declare
    policy settlement_settlementpolicy;
begin
    perform pg_advisory_xact_lock_shared(7001);
    select * into strict policy from settlement_settlementpolicy order by version desc limit 1;
    is_on := exists (select from waffle_switch where name = 'AUTO_SETTLEMENT_ENABLED' and active);
    is_halted := exists (select from waffle_switch where name = 'TRANSFERS_HALTED' and active);
    threshold := policy.release_threshold;
    is_full := exists (
        select from settlement_settlement where status in ('flagged_off', 'blocked', 'needs_review')
        offset policy.most_waiting - 1
    ) or exists (
        select from unnest(array['flagged_off', 'blocked', 'needs_review']) as waits(status), lateral (
            select created_at from settlement_settlement as row where row.status = waits.status order by id limit 1
        ) as oldest
        where oldest.created_at < clock_timestamp() - make_interval(hours => policy.oldest_hours)
    );
end $$;
"""

POLICY = """
create function settlement_policy_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest := users_executed_here('settlement_policy.change', 'SETTLEMENT');
begin
    if request.id is null
        or new.version <> (select max(version) + 1 from settlement_settlementpolicy)
        or (new.release_threshold, new.backlog_batch, new.most_waiting, new.oldest_hours) is distinct from (
            (request.payload ->> 'release_threshold')::numeric, (request.payload ->> 'backlog_batch')::smallint,
            (request.payload ->> 'most_waiting')::integer, (request.payload ->> 'oldest_hours')::smallint
        ) then
        raise exception 'ST04 the limits of settlement change only by a request that two people carried'
            using errcode = '42501';
    end if;
    new.made_at := clock_timestamp();
    return new;
end $$;
create trigger guard before insert on settlement_settlementpolicy
    for each row execute function settlement_policy_guard();
"""

STEPS = """
create function settlement_step_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    threshold numeric := (select release_threshold from settlement_settlementpolicy order by version desc limit 1);
    was text := case when tg_op = 'UPDATE' then old.status else '' end;
    is_large boolean := new.base_amount >= threshold;
begin
    if new.is_released is distinct from (tg_op = 'UPDATE' and old.is_released)
        and not (was in ('flagged_off', 'awaiting_approval') and new.status = 'approved') then
        raise exception 'ST01 % is released only on its way from waiting to approved', new.ref
            using errcode = '42501';
    end if;
    if was = new.status then
        return new;
    end if;
    if new.status = 'cancelled' and (users_executed_here('settlement.cancel', new.ref)).id is null then
        raise exception 'ST02 % is cancelled only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    if new.status = 'approved' and was <> 'blocked' and (is_large or was = 'awaiting_approval')
        and (users_executed_here('settlement.release', new.ref)).id is null then
        raise exception 'ST03 % is released only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert or update of status, is_released on settlement_settlement
    for each row execute function settlement_step_guard();
"""

HALT = """
create function settlement_halt_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if old.name = 'TRANSFERS_HALTED' and old.active
        and (tg_op = 'DELETE' or not new.active or new.name <> old.name)
        and (users_executed_here('transfers.resume', old.name)).id is null then
        raise exception 'ST05 transfers go on only by a request that two people carried' using errcode = '42501';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger halt_guard before update or delete on waffle_switch
    for each row execute function settlement_halt_guard();
create trigger never_truncated before truncate on waffle_switch
    for each statement execute function desk_append_only();
"""
HALT_BACK = (
    "drop trigger never_truncated on waffle_switch; drop trigger halt_guard on waffle_switch;"
    + function_back("settlement_halt_guard()")
)

TOOK_EFFECT = """
create function settlement_decided_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if new.act = 'settlement.release' and not exists (
            select from settlement_settlement where ref = new.subject_ref and is_released
        ) or new.act = 'settlement.cancel' and not exists (
            select from settlement_settlement where ref = new.subject_ref and status = 'cancelled'
        ) or new.act = 'settlement_policy.change' and not exists (
            select from settlement_settlementpolicy where made_at >= new.closed_at
        ) or new.act = 'transfers.resume' and exists (
            select from waffle_switch where name = new.subject_ref and active
        ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger settlement_decided after update of status on users_approvalrequest
    deferrable initially deferred for each row when (
        new.status = 'executed'
        and new.act in ('settlement.release', 'settlement.cancel', 'settlement_policy.change', 'transfers.resume')
    ) execute function settlement_decided_took_effect();
"""

PARTY = """
create or replace function settlement_party_of(wanted_ref text) returns bigint language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select coalesce(
        (select counterparty_id from settlement_payoutaddress where ref = wanted_ref),
        (select counterparty_id from settlement_bankaccount where ref = wanted_ref),
        (select client_id from settlement_deposit where ref = wanted_ref),
        (select client_id from settlement_withdrawal where ref = wanted_ref)
        %s
    )
$$;
"""
OF_SETTLEMENTS = ", (select client_id from settlement_settlement where ref = wanted_ref)"

CHANGEABLE = ("status", "reason", "detail", "updated_at", "settled_at")

class Migration(migrations.Migration):
    dependencies = [("settlement", "0012_releasing")]
    operations = [
        migrations.RunSQL(FIRST, migrations.RunSQL.noop),
        *append_only("settlement_settlementpolicy"),
        migrations.RunSQL(GATE, "drop function settlement_gate();"),
        migrations.RunSQL(
            POLICY,
            "drop trigger guard on settlement_settlementpolicy;" + function_back("settlement_policy_guard()"),
        ),
        migrations.RunSQL(
            STEPS, "drop trigger guard on settlement_settlement;" + function_back("settlement_step_guard()")
        ),
        migrations.RunSQL(HALT, HALT_BACK),
        migrations.RunSQL(
            TOOK_EFFECT,
            "drop trigger settlement_decided on users_approvalrequest;"
            + function_back("settlement_decided_took_effect()"),
        ),
        migrations.RunSQL(PARTY % OF_SETTLEMENTS, PARTY % ""),
        only_changes_changed(
            "settlement_settlement", before=CHANGEABLE, after=(*CHANGEABLE, "is_released")
        ),
    ]
