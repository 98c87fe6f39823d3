"""
What two people decided takes effect, and nothing else does: users, roles, Telegram accounts, policies.

An effect counts only in the transaction that executed its request.
"""

from django.db import migrations

from trading.lib.schema import function_back

EXECUTING = """
create function users_executed_here(wanted_act text, wanted_subject text) returns users_approvalrequest
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select * from users_approvalrequest
    where act = wanted_act and subject_ref = wanted_subject and status = 'executed'
        and executed_xid = pg_current_xact_id() and closed_at >= transaction_timestamp()
    order by id desc limit 1
$$;

create function users_nobody_is_active() returns boolean language sql volatile
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select not exists (select from users_user where status in ('active', 'suspended'))
$$;
"""

USER_GUARD = """
create function users_user_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
    decision users_approvaldecision;
    wanted text;
begin
    if tg_op = 'INSERT' then
        if new.approval_request_id is not null or new.secondary_approver_id is not null
            or new.approval_requested_by_id is not null or new.secondary_approved_at is not null
            or new.approval_reason <> '' then
            raise exception 'DC40 nobody is born with evidence' using errcode = '42501';
        end if;
        return new;
    end if;
    if (new.person_id, new.kind, new.ref, new.username, new.is_superuser)
        is distinct from (old.person_id, old.kind, old.ref, old.username, old.is_superuser)
        or old.status <> 'pending' and new.counterparty_id is distinct from old.counterparty_id then
        raise exception 'DC41 who a user is does not change' using errcode = '42501';
    end if;
    if old.status = new.status or (old.status = 'active' and new.status = 'suspended') then
        if (new.approval_reason, new.approval_requested_by_id, new.secondary_approver_id, new.secondary_approved_at,
            new.approval_request_id) is distinct from (old.approval_reason, old.approval_requested_by_id,
            old.secondary_approver_id, old.secondary_approved_at, old.approval_request_id) then
            raise exception 'DC42 evidence is stamped by a decision only' using errcode = '42501';
        end if;
        return new;
    end if;
    wanted := case old.status || '>' || new.status
        when 'pending>active' then 'user.approve'
        when 'pending>rejected' then 'user.reject'
        when 'rejected>pending' then 'user.reopen'
        when 'suspended>active' then 'user.reactivate'
    end;
    request := users_executed_here(wanted, new.ref);
    if request.id is null then
        return users_bootstrap_guard(old, new);
    end if;
    select * into decision from users_counting_approvals(request.id) order by id desc limit 1;
    new.approval_reason := request.reason;
    new.approval_requested_by_id := request.requested_by_id;
    new.secondary_approver_id := decision.decided_by_id;
    new.secondary_approved_at := decision.decided_at;
    new.approval_request_id := request.id;
    return new;
end $$;

-- The first two people: while nobody was ever let in, each stamped by the other, both at once.
create function users_bootstrap_guard(old users_user, new users_user) returns users_user language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform users_require_fresh_view();
    perform pg_advisory_xact_lock(7002);
    if old.status <> 'pending' or new.status <> 'active' or new.approval_request_id is not null
        or new.secondary_approver_id is null or new.secondary_approver_id = new.id
        or new.approval_requested_by_id is distinct from new.secondary_approver_id
        or exists (
            select from users_user
            where status in ('active', 'suspended') and id <> new.id
                and (id <> new.secondary_approver_id or secondary_approver_id is distinct from new.id
                    or approval_request_id is not null)
        ) then
        raise exception 'DC43 % becomes % only by a request that two people carried', old.username, new.status
            using errcode = '42501';
    end if;
    new.secondary_approved_at := clock_timestamp();
    return new;
end $$;
create trigger guard before insert or update on users_user for each row execute function users_user_guard();

create function users_bootstrap_complete() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if exists (
        select from users_user as one
        where one.status = 'active' and one.approval_request_id is null and not exists (
            select from users_user as other
            where other.id = one.secondary_approver_id and other.secondary_approver_id = one.id
                and other.status in ('active', 'suspended') and other.person_id <> one.person_id
        )
    ) then
        raise exception 'DC44 the first two are let in together' using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger bootstrap_complete after update of status on users_user
    deferrable initially deferred for each row when (new.status = 'active' and new.approval_request_id is null)
    execute function users_bootstrap_complete();

create function users_execution_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if new.act in ('user.approve', 'user.reject', 'user.reopen', 'user.reactivate') and not exists (
        select from users_user where approval_request_id = new.id
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row when (new.status = 'executed')
    execute function users_execution_took_effect();
"""

ROLE_GUARD = """
create function users_rolegrant_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    request users_approvalrequest;
begin
    new.granted_at := clock_timestamp();
    select * into holder from users_user where id = new.user_id;
    if users_nobody_is_active() and holder.status = 'pending' then
        perform pg_advisory_xact_lock(7002);
        return new;
    end if;
    request := users_executed_here('role.grant', holder.ref);
    if request.id is not null and request.payload ->> 'role' = new.role then
        return new;
    end if;
    request := users_executed_here('user.approve', holder.ref);
    if request.id is not null and request.payload -> 'roles' ? new.role then
        return new;
    end if;
    raise exception 'DC50 % gets % only by a request that two people carried', holder.username, new.role
        using errcode = '42501';
end $$;
create trigger guard before insert on users_rolegrant for each row execute function users_rolegrant_guard();

create function users_rolegrant_to_somebody() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from users_user where id = new.user_id and status in ('active', 'suspended')) then
        raise exception 'DC54 nobody holds a role before they were let in' using errcode = '42501';
    end if;
    return null;
end $$;
create constraint trigger to_somebody after insert on users_rolegrant
    deferrable initially deferred for each row execute function users_rolegrant_to_somebody();
"""

# What was ended stays ended; a second account of a user is carried by two.
ENDINGS = """
create function users_rolegrant_ends_once() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if old.revoked_at is not null then
        raise exception 'DC51 a revoked role is granted anew or not at all' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger ends_once before update on users_rolegrant
    for each row execute function users_rolegrant_ends_once();

create function users_telegramlink_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    request users_approvalrequest;
begin
    if tg_op = 'UPDATE' then
        if old.ended_at is not null and new.ended_at is distinct from old.ended_at then
            raise exception 'DC52 an ended link stays ended' using errcode = '42501';
        end if;
        return new;
    end if;
    if not exists (select from users_telegramlink where user_id = new.user_id) then
        return new;
    end if;
    select * into holder from users_user where id = new.user_id;
    request := users_executed_here('telegram.relink', holder.ref);
    if request.id is null or (request.payload ->> 'telegram_id')::bigint <> new.telegram_id then
        raise exception 'DC53 another account of % takes a request that two people carried', holder.username
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert or update on users_telegramlink
    for each row execute function users_telegramlink_guard();
"""

# A policy's first version is laid down with its act; every later one is carried by two.
POLICY_GUARD = """
create function users_policy_terms(policy users_approvalpolicy) returns jsonb language sql immutable
    set search_path = pg_catalog, public, pg_temp as $$
    select to_jsonb(policy) - array['id', 'version', 'made_at', 'expires_after', 'execute_within', 'step_up_within']
        || jsonb_build_object(
            'expires_after', extract(epoch from policy.expires_after),
            'execute_within', extract(epoch from policy.execute_within),
            'step_up_within', extract(epoch from policy.step_up_within)
        )
$$;

create function users_approvalpolicy_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
    current users_approvalpolicy;
begin
    current := users_current_policy(new.act);
    if new.version <> coalesce(current.version, 0) + 1 then
        raise exception 'DC60 version % of % does not follow', new.version, new.act using errcode = '23514';
    end if;
    new.made_at := clock_timestamp();
    if current.id is null then
        return new;
    end if;
    request := users_executed_here('policy.change', new.act);
    if request.id is null or current.made_at >= request.closed_at then
        raise exception 'DC61 the policy of % changes only by a request that two people carried', new.act
            using errcode = '42501';
    end if;
    if users_policy_terms(new) <> users_policy_terms(current) || request.payload then
        raise exception 'DC62 these are not the terms of % that two people carried', new.act using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert on users_approvalpolicy
    for each row execute function users_approvalpolicy_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0004_dual_control")]
    operations = [
        migrations.RunSQL(
            EXECUTING, function_back("users_nobody_is_active()", "users_executed_here(text, text)")
        ),
        migrations.RunSQL(
            USER_GUARD,
            "drop trigger took_effect on users_approvalrequest; drop trigger bootstrap_complete on users_user;"
            "drop trigger guard on users_user;"
            + function_back(
                "users_execution_took_effect()",
                "users_bootstrap_complete()",
                "users_bootstrap_guard(users_user, users_user)",
                "users_user_guard()",
            ),
        ),
        migrations.RunSQL(
            ROLE_GUARD,
            "drop trigger to_somebody on users_rolegrant; drop trigger guard on users_rolegrant;"
            + function_back("users_rolegrant_to_somebody()", "users_rolegrant_guard()"),
        ),
        migrations.RunSQL(
            ENDINGS,
            "drop trigger ends_once on users_rolegrant; drop trigger guard on users_telegramlink;"
            + function_back("users_rolegrant_ends_once()", "users_telegramlink_guard()"),
        ),
        migrations.RunSQL(
            POLICY_GUARD,
            "drop trigger guard on users_approvalpolicy;"
            + function_back("users_approvalpolicy_guard()", "users_policy_terms(users_approvalpolicy)"),
        ),
    ]
