"""
Dual control in the database: what must never be is refused here, whoever asks and by whichever way.

Every refusal begins with a code (DC01 ...; DC40 and above are in the next migration). Order of a decision:
the request's row is locked first.
Functions that look at other tables run as their owner, with a search path nobody can bend.
"""

from django.db import migrations

from trading.lib.schema import append_only, function_back, never_deleted, transitions

# --- requests -------------------------------------------------------------------------------
# Born pending, under the newest policy, by an active human who holds a proposing role and is not the
# person concerned. The digest is computed here; nothing that was proposed ever changes.

DIGEST = """
create function users_approval_digest(request users_approvalrequest) returns bytea language sql immutable
    set search_path = pg_catalog, public, pg_temp as $$
    select sha256(convert_to(jsonb_build_array(
        'approval-1', request.ref, request.act, request.policy_id, request.subject_type, request.subject_ref,
        encode(request.target_digest, 'hex'), request.payload, request.reason, request.requested_by_id
    )::text, 'UTF8'))
$$;
"""

# A transaction that works on an older view could miss what somebody else has just done.
FRESH_VIEW = """
create function users_require_fresh_view() returns void language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'DC00 dual control is decided on what stands now: read committed only' using errcode = '25001';
    end if;
end $$;
"""

ROLES = """
create function users_held_role(who bigint, wanted text, before timestamptz) returns boolean language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select exists (
        select from users_rolegrant
        where user_id = who and role = wanted and revoked_at is null and granted_at < before
    )
$$;

create function users_current_policy(wanted text) returns users_approvalpolicy language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select * from users_approvalpolicy where act = wanted order by version desc limit 1
$$;

create function users_may_propose(who bigint, policy users_approvalpolicy, before timestamptz) returns boolean
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select exists (
        select from jsonb_array_elements_text(policy.proposer_roles) as role where users_held_role(who, role, before)
    )
$$;

create function users_counting_approvals(wanted bigint) returns setof users_approvaldecision language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select decision.*
    from users_approvaldecision as decision
    join users_approvalrequest as request on request.id = decision.request_id
    join users_approvalpolicy as policy on policy.id = request.policy_id
    join users_user as approver on approver.id = decision.decided_by_id
    join users_user as proposer on proposer.id = request.requested_by_id
    where request.id = wanted and decision.verdict = 'approve' and decision.digest = request.digest
        and approver.status = 'active' and approver.kind = 'human' and approver.person_id = decision.person_id
        and approver.person_id <> proposer.person_id
        and approver.person_id is distinct from request.subject_person_id
        and users_held_role(approver.id, policy.approver_role, request.created_at)
        and users_held_role(approver.id, (users_current_policy(request.act)).approver_role, request.created_at)
    order by decision.id
$$;
"""

REQUEST_BORN = """
create function users_approvalrequest_born() returns trigger language plpgsql
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
create trigger born before insert on users_approvalrequest
    for each row execute function users_approvalrequest_born();
"""

REQUEST_MOVES = """
create function users_approvalrequest_moves() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    free constant text[] := array['status', 'updated_at', 'approved_at', 'execute_by', 'closed_at', 'closed_by_id',
        'outcome', 'executed_xid'];
    policy users_approvalpolicy;
    current users_approvalpolicy;
    proposer users_user;
    counted integer;
begin
    if old.status = 'executed' and new.status = 'executed' and old.executed_xid = pg_current_xact_id()
        and (to_jsonb(old) - 'outcome') = (to_jsonb(new) - 'outcome') then
        return new;  -- what came of it, in the same transaction
    end if;
    if (to_jsonb(old) - free) is distinct from (to_jsonb(new) - free) or old.status = new.status then
        raise exception 'DC10 what was proposed does not change' using errcode = '42501';
    end if;
    perform users_require_fresh_view();
    select * into policy from users_approvalpolicy where id = old.policy_id;
    current := users_current_policy(old.act);
    new.updated_at := clock_timestamp();
    new.approved_at := old.approved_at;
    new.execute_by := old.execute_by;
    new.executed_xid := null;
    if new.status in ('approved', 'executed') then
        select * into proposer from users_user where id = old.requested_by_id for share;
        if proposer.status <> 'active' or not users_may_propose(proposer.id, policy, old.created_at)
            or not users_may_propose(proposer.id, current, old.created_at) then
            raise exception 'DC11 the proposer may no longer propose it' using errcode = '23514';
        end if;
        perform from users_user where id in (
            select decided_by_id from users_approvaldecision where request_id = old.id
        ) order by id for share;
        counted := (select count(*) from users_counting_approvals(old.id));
        if counted < greatest(policy.quorum, current.quorum) then
            raise exception 'DC12 % of % approvals count', counted, greatest(policy.quorum, current.quorum)
                using errcode = '23514';
        end if;
        if exists (select from users_approvaldecision where request_id = old.id and verdict = 'decline') then
            raise exception 'DC13 it was declined' using errcode = '23514';
        end if;
    end if;
    if new.status = 'approved' then
        if new.updated_at >= least(old.expires_at, old.created_at + current.expires_after) then
            raise exception 'DC14 it has expired' using errcode = '23514';
        end if;
        new.approved_at := new.updated_at;
        new.execute_by := new.updated_at + least(policy.execute_within, current.execute_within);
    elsif new.status = 'executed' then
        if new.updated_at >= old.execute_by then
            raise exception 'DC15 the time to execute it is over' using errcode = '23514';
        end if;
        new.executed_xid := pg_current_xact_id();
    elsif new.status = 'expired' and new.updated_at < coalesce(
        old.execute_by, least(old.expires_at, old.created_at + current.expires_after)
    ) then
        raise exception 'DC16 it has not expired yet' using errcode = '23514';
    elsif new.status = 'declined' and not exists (
        select from users_approvaldecision where request_id = old.id and verdict = 'decline'
    ) then
        raise exception 'DC17 nobody declined it' using errcode = '23514';
    end if;
    if new.status <> 'approved' then
        new.closed_at := new.updated_at;
    end if;
    new.closed_by_id := case new.status
        when 'cancelled' then old.requested_by_id
        when 'declined' then (
            select decided_by_id from users_approvaldecision where request_id = old.id and verdict = 'decline'
        )
    end;
    return new;
end $$;
create trigger moves before update on users_approvalrequest
    for each row execute function users_approvalrequest_moves();
"""

# --- decisions ------------------------------------------------------------------------------

STEP_UP = """
create function users_stepup_born() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    new.verified_at := clock_timestamp();
    return new;
end $$;
create trigger born before insert on users_stepup for each row execute function users_stepup_born();
"""

DECISION = """
create function users_approvaldecision_born() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
    policy users_approvalpolicy;
    current users_approvalpolicy;
    approver users_user;
    proposer users_user;
    proof users_stepup;
begin
    perform users_require_fresh_view();
    select * into request from users_approvalrequest where id = new.request_id for update;
    if request.status is distinct from 'pending' then
        raise exception 'DC20 it is not pending' using errcode = '23514';
    end if;
    select * into policy from users_approvalpolicy where id = request.policy_id;
    current := users_current_policy(request.act);
    select * into approver from users_user where id = new.decided_by_id for share;
    select * into proposer from users_user where id = request.requested_by_id for share;
    new.decided_at := clock_timestamp();
    new.person_id := approver.person_id;
    if new.decided_at >= least(request.expires_at, request.created_at + current.expires_after) then
        raise exception 'DC21 it has expired' using errcode = '23514';
    end if;
    if approver.kind <> 'human' or approver.status <> 'active' then
        raise exception 'DC22 the approver is not an active person' using errcode = '23514';
    end if;
    if approver.person_id = proposer.person_id then
        raise exception 'DC23 nobody decides on their own proposal' using errcode = '23514';
    end if;
    if approver.person_id = request.subject_person_id then
        raise exception 'DC24 nobody decides about themselves' using errcode = '23514';
    end if;
    if not users_held_role(approver.id, policy.approver_role, request.created_at)
        or not users_held_role(approver.id, current.approver_role, request.created_at) then
        raise exception 'DC25 the approver did not hold the role when it was proposed' using errcode = '23514';
    end if;
    if new.digest is distinct from request.digest then
        raise exception 'DC26 something else was signed' using errcode = '23514';
    end if;
    select * into proof from users_stepup where id = new.step_up_id;
    if proof.user_id is distinct from new.decided_by_id or proof.digest <> request.digest
        or proof.verified_at < request.created_at
        or proof.verified_at < new.decided_at - least(policy.step_up_within, current.step_up_within) then
        raise exception 'DC27 the proof of identity is missing, old, or for something else' using errcode = '23514';
    end if;
    return new;
end $$;
create trigger born before insert on users_approvaldecision
    for each row execute function users_approvaldecision_born();
"""

STEPS = {
    "pending": ["approved", "declined", "expired", "cancelled", "superseded"],
    "approved": ["executed", "failed", "expired", "cancelled", "superseded"],
}


class Migration(migrations.Migration):
    dependencies = [("users", "0003_dual_control_tables")]
    operations = [
        migrations.RunSQL(DIGEST, function_back("users_approval_digest(users_approvalrequest)")),
        migrations.RunSQL(FRESH_VIEW, function_back("users_require_fresh_view()")),
        migrations.RunSQL(
            ROLES,
            function_back(
                "users_counting_approvals(bigint)",
                "users_may_propose(bigint, users_approvalpolicy, timestamptz)",
                "users_current_policy(text)",
                "users_held_role(bigint, text, timestamptz)",
            ),
        ),
        migrations.RunSQL(
            REQUEST_BORN,
            "drop trigger born on users_approvalrequest;" + function_back("users_approvalrequest_born()"),
        ),
        migrations.RunSQL(
            REQUEST_MOVES,
            "drop trigger moves on users_approvalrequest;" + function_back("users_approvalrequest_moves()"),
        ),
        transitions("users_approvalrequest", ["pending"], STEPS),
        migrations.RunSQL(STEP_UP, "drop trigger born on users_stepup;" + function_back("users_stepup_born()")),
        migrations.RunSQL(
            DECISION,
            "drop trigger born on users_approvaldecision;" + function_back("users_approvaldecision_born()"),
        ),
        *append_only("users_approvalpolicy", "users_approvaldecision", "users_stepup"),
        *never_deleted("users_approvalrequest"),
    ]
