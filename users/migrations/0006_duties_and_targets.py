"""
What a request is about is kept as the proposer saw it, what is about a user names a second approver, roles fit the
login that holds them, and nothing counts as executed without its effect.

Requests that are open while this is applied hold no picture of their target: they are superseded when somebody
looks at them, and proposed again.
"""

from importlib import import_module

from django.db import migrations, models

from trading.lib.schema import function_back, replaced

TABLES = import_module("users.migrations.0004_dual_control")
EFFECTS = import_module("users.migrations.0005_dual_control_effects")

REQUEST_BORN = """
create or replace function users_approvalrequest_born() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    policy users_approvalpolicy;
    proposer users_user;
begin
    perform users_require_fresh_view();
    policy := users_current_policy(new.act);
    if policy.id is distinct from new.policy_id then
        raise exception 'DC01 % is not the current policy of %', new.policy_id, new.act using errcode = '23514';
    end if;
    select * into proposer from users_user where id = new.requested_by_id for share;
    if proposer.status <> 'active' or proposer.kind <> 'human' then
        raise exception 'DC02 the proposer is not an active person' using errcode = '23514';
    end if;
    new.created_at := clock_timestamp();
    if not users_may_propose(proposer.id, policy, new.created_at) then
        raise exception 'DC03 the proposer may not propose %', new.act using errcode = '23514';
    end if;
    -- Whatever it calls itself: what names a user is about that person.
    new.subject_person_id := (select person_id from users_user where ref = new.subject_ref);
    if new.subject_person_id = proposer.person_id then
        raise exception 'DC04 nobody proposes about themselves' using errcode = '23514';
    end if;
    if new.nominee_id is null and exists (select from users_user where ref = new.subject_ref) then
        raise exception 'DC05 what is about a user names who is asked to decide' using errcode = '23514';
    end if;
    new.target_digest := sha256(convert_to(new.target::text, 'UTF8'));
    new.updated_at := new.created_at;
    new.expires_at := new.created_at + policy.expires_after;
    new.approved_at := null;
    new.execute_by := null;
    new.closed_at := null;
    new.closed_by_id := null;
    new.outcome := '';
    new.executed_xid := null;
    new.digest := users_approval_digest(new);
    return new;
end $$;
"""

# Separation of duties: the desk's roles for the desk's people, a trading party's for its own.
ROLE_FITS = """
create function users_rolegrant_fits() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    party text;
    fitting text[];
begin
    select * into holder from users_user where id = new.user_id;
    select kind into party from users_counterparty where id = holder.counterparty_id;
    fitting := case
        when party = 'client' then array['trader']
        when party = 'lp' then array['lp']
        when holder.kind = 'service' then array['service']
        else array['ops', 'approver', 'admin', 'auditor']
    end;
    if new.role <> all (fitting) then
        raise exception 'DC55 % cannot hold the role %', holder.username, new.role using errcode = '42501';
    end if;
    return new;
end $$;
create trigger role_fits before insert on users_rolegrant for each row execute function users_rolegrant_fits();
"""

TOOK_EFFECT = """
create or replace function users_execution_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    is_done boolean;
begin
    select * into holder from users_user where ref = new.subject_ref;
    is_done := case
        when new.act in ('user.approve', 'user.reject', 'user.reopen', 'user.reactivate') then
            holder.approval_request_id is not distinct from new.id
            and not exists (
                select from jsonb_array_elements_text(coalesce(new.payload -> 'roles', '[]')) as wanted
                where not exists (
                    select from users_rolegrant
                    where user_id = holder.id and role = wanted and granted_at >= new.closed_at
                )
            )
        when new.act = 'role.grant' then exists (
            select from users_rolegrant
            where user_id = holder.id and role = new.payload ->> 'role' and granted_at >= new.closed_at
        )
        when new.act = 'telegram.relink' then exists (
            select from users_telegramlink
            where user_id = holder.id and telegram_id = (new.payload ->> 'telegram_id')::bigint and ended_at is null
        )
        when new.act = 'policy.change' then exists (
            select from users_approvalpolicy where act = new.subject_ref and made_at >= new.closed_at
        )
        else true
    end;
    if not is_done then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0005_dual_control_effects")]
    operations = [
        migrations.AddField("approvalrequest", "target", models.JSONField(default=dict)),
        migrations.AddConstraint(
            "approvalpolicy",
            models.CheckConstraint(
                condition=models.Q(approver_role__in=["approver", "admin"]), name="policy_decided_by_approvers"
            ),
        ),
        migrations.AddConstraint(
            "approvalpolicy",
            models.CheckConstraint(
                condition=models.Q(
                    ("proposer_roles__contained_by", ["trader", "lp", "ops", "approver", "admin"]),
                    models.Q(("proposer_roles", []), _negated=True),
                ),
                name="policy_proposed_by_actors",
            ),
        ),
        replaced(REQUEST_BORN, TABLES.REQUEST_BORN),
        migrations.RunSQL(
            ROLE_FITS, "drop trigger role_fits on users_rolegrant;" + function_back("users_rolegrant_fits()")
        ),
        replaced(TOOK_EFFECT, EFFECTS.USER_GUARD),
    ]
