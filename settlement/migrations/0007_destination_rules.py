"""
Money goes only where two people said it may, and only to what they signed. Ending takes one, and is for good.

Refusals begin with a code (MN01 ...). What is there before anybody is let in stays as it is.
"""

from django.db import migrations

from trading.lib.schema import function_back, never_deleted, only_changes

# Whose target a request is about, before `in_scope` asks whether the proposer serves them.
PARTY = """
create function settlement_party_of(wanted_ref text) returns bigint language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select coalesce(
        (select counterparty_id from settlement_payoutaddress where ref = wanted_ref),
        (select counterparty_id from settlement_bankaccount where ref = wanted_ref)
    )
$$;
create function settlement_request_party() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    new.subject_counterparty_id := coalesce(settlement_party_of(new.subject_ref), new.subject_counterparty_id);
    return new;
end $$;
create trigger belongs_to before insert on users_approvalrequest
    for each row execute function settlement_request_party();
"""
PARTY_BACK = "drop trigger belongs_to on users_approvalrequest;" + function_back(
    "settlement_request_party()", "settlement_party_of(text)"
)

ADDRESS = """
create function settlement_payoutaddress_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
begin
    if tg_op = 'INSERT' then
        if new.approved_at is not null and not users_nobody_is_active() then
            raise exception 'MN01 % is approved only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
        return new;
    end if;
    if old.revoked_at is not null and new is distinct from old then
        raise exception 'MN02 % is ended for good', new.ref using errcode = '42501';
    end if;
    if (new.approved_at, new.usable_from) is not distinct from (old.approved_at, old.usable_from) then
        return new;
    end if;
    request := users_executed_here('address.add', new.ref);
    if request.id is null or old.approved_at is not null or new.approved_at is null
        or (request.payload ->> 'chain', request.payload ->> 'address') is distinct from (new.chain, new.address)
    then
        raise exception 'MN01 % is approved only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    new.approved_at := clock_timestamp();
    new.usable_from := clock_timestamp() + make_interval(hours => (request.payload ->> 'cooling_hours')::integer);
    return new;
end $$;
create trigger guard before insert or update on settlement_payoutaddress
    for each row execute function settlement_payoutaddress_guard();
"""

ACCOUNT = """
create function settlement_bankaccount_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
begin
    if tg_op = 'INSERT' then
        if new.approved_at is not null and not users_nobody_is_active() then
            raise exception 'MN03 % is approved only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
        return new;
    end if;
    if old.ended_at is not null and new is distinct from old then
        raise exception 'MN02 % is ended for good', new.ref using errcode = '42501';
    end if;
    if new.approved_at is not distinct from old.approved_at then
        return new;
    end if;
    request := users_executed_here('bank_account.add', new.ref);
    if request.id is null or old.approved_at is not null or new.approved_at is null
        or request.payload <> jsonb_build_object('currency', new.currency_id, 'number', new.number) then
        raise exception 'MN03 % is approved only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    new.approved_at := clock_timestamp();
    return new;
end $$;
create trigger guard before insert or update on settlement_bankaccount
    for each row execute function settlement_bankaccount_guard();
"""

TOOK_EFFECT = """
create function settlement_destination_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if new.act = 'address.add' and not exists (
            select from settlement_payoutaddress where ref = new.subject_ref and approved_at is not null
        ) or new.act = 'bank_account.add' and not exists (
            select from settlement_bankaccount where ref = new.subject_ref and approved_at is not null
        ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger destination_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act in ('address.add', 'bank_account.add'))
    execute function settlement_destination_took_effect();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0006_destinations"), ("users", "0018_second_factor_policy")]
    operations = [
        migrations.RunSQL(PARTY, PARTY_BACK),
        migrations.RunSQL(
            ADDRESS,
            "drop trigger guard on settlement_payoutaddress;" + function_back("settlement_payoutaddress_guard()"),
        ),
        migrations.RunSQL(
            ACCOUNT, "drop trigger guard on settlement_bankaccount;" + function_back("settlement_bankaccount_guard()")
        ),
        migrations.RunSQL(
            TOOK_EFFECT,
            "drop trigger destination_took_effect on users_approvalrequest;"
            + function_back("settlement_destination_took_effect()"),
        ),
        only_changes("settlement_bankaccount", "approved_at", "ended_at"),
        *never_deleted("settlement_bankaccount"),
    ]
