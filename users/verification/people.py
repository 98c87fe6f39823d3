"""Users, roles, accounts and policies against the requests that two people carried, both ways."""

from collections.abc import Iterable

from django.conf import settings

from users.models import StepUp
from users.verification.findings import Finding, Kind, found_by

MOVES = ("user.approve", "user.reject", "user.reopen", "user.reactivate")
STEPS = {
    "user.activated": "active",
    "user.bootstrapped": "active",
    "user.reactivated": "active",
    "user.suspended": "suspended",
    "user.rejected": "rejected",
    "user.reopened": "pending",
}

# An effect is written in the transaction that executed its request: a minute is ample.
WITHOUT_EVIDENCE = """
select one.ref, 'is ' || one.status || ' without a request that two people carried'
from users_user as one
left join users_user as other on other.id = one.secondary_approver_id and other.secondary_approver_id = one.id
    and other.person_id <> one.person_id
where one.status <> 'pending' and one.approval_request_id is null and (other.id is null or not exists (
    select from users_auditevent where name = 'user.bootstrapped' and subject_ref = one.ref
))
"""

OTHER_STATUS = """
with last as (
    select distinct on (subject_ref) subject_ref, name from users_auditevent
    where subject_type = 'user' and name = any (%(steps)s) order by subject_ref, id desc
)
select one.ref, 'is ' || one.status || ', and the last step recorded is ' || coalesce(last.name, 'none')
from users_user as one left join last on last.subject_ref = one.ref
where one.status <> coalesce((%(statuses)s::text[])[array_position(%(steps)s::text[], last.name::text)], 'pending')
    and not (one.status = 'pending' and one.approval_request_id is null)
"""

OTHER_EVIDENCE = """
select one.ref, 'carries other evidence than ' || request.ref || ' says'
from users_user as one
join users_approvalrequest as request on request.id = one.approval_request_id
left join lateral (
    select * from users_approvaldecision where request_id = request.id and verdict = 'approve' order by id desc limit 1
) as decision on true
where request.status <> 'executed' or request.subject_ref <> one.ref or request.act <> all (%(moves)s)
    or (one.approval_reason, one.approval_requested_by_id, one.secondary_approver_id, one.secondary_approved_at)
    is distinct from (request.reason, request.requested_by_id, decision.decided_by_id, decision.decided_at)
"""

NO_EFFECT = """
select request.ref, 'was executed, and ' || request.subject_ref || ' does not carry it'
from (
    select distinct on (subject_ref) * from users_approvalrequest
    where status = 'executed' and act = any (%(moves)s) order by subject_ref, closed_at desc
) as request
left join users_user as one on one.ref = request.subject_ref
where one.approval_request_id is distinct from request.id
"""

TOO_FEW = """
select request.ref, 'was executed without ' || policy.quorum || ' valid approvals'
from users_approvalrequest as request
join users_approvalpolicy as policy on policy.id = request.policy_id
join users_user as proposer on proposer.id = request.requested_by_id
where request.status = 'executed' and policy.quorum > (
    select count(distinct decision.person_id)
    from users_approvaldecision as decision
    join users_stepup as proof on proof.id = decision.step_up_id
    join users_user as approver on approver.id = decision.decided_by_id
    where decision.request_id = request.id and decision.verdict = 'approve' and decision.digest = request.digest
        and proof.user_id = decision.decided_by_id and proof.digest = request.digest and approver.kind = 'human'
        and decision.person_id = approver.person_id and decision.person_id <> proposer.person_id
        and decision.person_id is distinct from request.subject_person_id
)
"""

NOT_SIGNED = """
select request.ref, 'is not what was signed' from users_approvalrequest as request
where request.digest <> users_approval_digest(request)
"""

UNRECORDED = """
select ref, 'was executed, and no audit event says so' from users_approvalrequest as request
where status = 'executed' and not exists (
    select from users_auditevent where name = 'approval.executed' and subject_ref = request.ref
)
union all
select event.subject_ref, 'is recorded as executed, and is not'
from users_auditevent as event left join users_approvalrequest as request on request.ref = event.subject_ref
where event.name = 'approval.executed' and request.status is distinct from 'executed'
"""

MORE_THAN_TWO = """
select 'users', count(distinct subject_ref) || ' are recorded as the first two'
from users_auditevent where name = 'user.bootstrapped' having count(distinct subject_ref) > 2
"""

ROLES = """
select holder.ref, 'holds ' || given.role || ' without a request that two people carried'
from users_rolegrant as given join users_user as holder on holder.id = given.user_id
where not exists (
    select from users_approvalrequest as request
    where request.subject_ref = holder.ref and request.status = 'executed'
        and given.granted_at between request.closed_at and request.closed_at + interval '1 minute'
        and (
            (request.act = 'role.grant' and request.payload ->> 'role' = given.role)
            or (request.act = 'user.approve' and request.payload -> 'roles' ? given.role)
        )
) and not exists (
    select from users_auditevent as event
    where event.name = 'user.bootstrapped' and event.subject_ref = holder.ref and event.after -> 'roles' ? given.role
        and given.granted_at between event.at - interval '5 minutes' and event.at + interval '5 minutes'
)
"""

ACCOUNTS = """
select holder.ref, 'is linked to ' || link.telegram_id || ' without a request that two people carried'
from users_telegramlink as link join users_user as holder on holder.id = link.user_id
where exists (select from users_telegramlink as older where older.user_id = link.user_id and older.id < link.id)
    and not exists (
        select from users_approvalrequest as request
        where request.act = 'telegram.relink' and request.subject_ref = holder.ref and request.status = 'executed'
            and (request.payload ->> 'telegram_id')::bigint = link.telegram_id
    )
"""

POLICIES = """
select policy.act, 'version ' || policy.version || ' was not carried by two people'
from users_approvalpolicy as policy
where policy.version > 1 and not exists (
    select from users_approvalrequest as request
    where request.act = 'policy.change' and request.subject_ref = policy.act and request.status = 'executed'
        and policy.made_at between request.closed_at and request.closed_at + interval '1 minute'
)
union all
select act, 'has a gap in its versions' from users_approvalpolicy group by act having max(version) <> count(*)
"""

SECOND_FACTORS = """
select policy.role, 'version ' || policy.version || ' of its second factor was not carried by two people'
from users_secondfactorpolicy as policy
where policy.version > 1 and not exists (
    select from users_approvalrequest as request
    where request.act = 'second_factor.change' and request.subject_ref = policy.role and request.status = 'executed'
        and request.payload = jsonb_build_object('passkey_required', policy.passkey_required)
        and policy.made_at between request.closed_at and request.closed_at + interval '1 minute'
)
union all
select role, 'has a gap in the versions of its second factor'
from users_secondfactorpolicy group by role having max(version) <> count(*)
"""

KEYS = """
select key.ref, 'is not the key that ' || coalesce(request.ref, 'a request') || ' made'
from users_apikey as key
join users_user as holder on holder.id = key.user_id
left join users_apikey as older on older.id = key.replaces_id
left join users_approvalrequest as request on request.id = key.request_id and request.act = 'key.issue'
    and request.status = 'executed' and request.subject_ref = holder.ref
where request.id is null
    or key.created_at not between request.closed_at and request.closed_at + interval '1 minute'
    or (key.name, to_jsonb(key.scopes), to_jsonb(key.addresses), older.ref) is distinct from
        (request.payload ->> 'name', request.payload -> 'scopes', request.payload -> 'addresses',
         request.payload ->> 'replaces')
    or key.expires_at > key.created_at + make_interval(days => (request.payload ->> 'days')::integer)
union all
select request.ref, 'was executed, and there is no key of it'
from users_approvalrequest as request left join users_apikey as key on key.request_id = request.id
where request.act = 'key.issue' and request.status = 'executed' and key.id is null
union all
select key.ref, 'was collected, and no audit event says so' from users_apikey as key
where key.collected_at is not null and not exists (
    select from users_auditevent where name = 'key.collected' and after ->> 'key' = key.ref
)
"""

RESETS = """
select reset.ref, 'was not made by a request that two people carried'
from users_passwordreset as reset
join users_user as holder on holder.id = reset.user_id
left join users_approvalrequest as request on request.id = reset.request_id and request.act = 'password.reset'
    and request.status = 'executed' and request.subject_ref = holder.ref
where request.id is null
    or reset.created_at not between request.closed_at and request.closed_at + interval '1 minute'
union all
select request.ref, 'was executed, and there is no reset of it'
from users_approvalrequest as request left join users_passwordreset as reset on reset.request_id = request.id
where request.act = 'password.reset' and request.status = 'executed' and reset.id is null
union all
select reset.ref, 'was ' || split_part(wanted.name, '.', 2) || ', and no audit event says so'
from users_passwordreset as reset, lateral (
    values ('password.reset_collected', reset.collected_at), ('password.set', reset.used_at)
) as wanted (name, at)
where wanted.at is not null and not exists (
    select from users_auditevent as event where event.name = wanted.name and event.after ->> 'reset' = reset.ref
)
"""

SCOPES = """
with last as (
    select distinct on (subject_ref) subject_ref, name from users_auditevent
    where name in ('scope.narrowed', 'scope.widened') order by subject_ref, id desc
)
select one.ref, 'serves the whole desk without a request that two people carried'
from users_user as one join last on last.subject_ref = one.ref
where not one.is_scoped and not exists (
    select from users_approvalrequest as request
    where request.act = 'scope.widen' and request.subject_ref = one.ref and request.status = 'executed'
        and request.payload ? 'whole_desk' and last.name = 'scope.widened'
)
union all
select one.ref, 'serves ' || party.ref || ' without a request that two people carried'
from users_scopegrant as given
join users_user as one on one.id = given.user_id
join users_counterparty as party on party.id = given.counterparty_id
where one.is_scoped and given.ended_at is null and not exists (
    select from users_approvalrequest as request
    where request.act = 'scope.widen' and request.subject_ref = one.ref and request.status = 'executed'
        and given.granted_at between request.closed_at and request.closed_at + interval '1 minute'
        and request.payload -> 'counterparties' ? party.ref
) and not exists (
    select from users_auditevent as event
    where event.name = 'scope.narrowed' and event.subject_ref = one.ref and event.after -> 'serves' ? party.name
        and event.before ->> 'serves' = 'whole desk'
        and given.granted_at between event.at - interval '5 minutes' and event.at + interval '5 minutes'
)
"""

STATEMENTS = (
    WITHOUT_EVIDENCE,
    OTHER_STATUS,
    OTHER_EVIDENCE,
    NO_EFFECT,
    TOO_FEW,
    NOT_SIGNED,
    UNRECORDED,
    MORE_THAN_TWO,
    ROLES,
    ACCOUNTS,
    POLICIES,
    SECOND_FACTORS,
    KEYS,
    RESETS,
    SCOPES,
)


def check() -> Iterable[Finding]:
    """Everybody and everything that has power, against how it came to it."""
    parameters: dict[str, object] = {
        "moves": list(MOVES),
        "steps": list(STEPS),
        "statuses": list(STEPS.values()),
    }
    yield from found_by(Kind.UNRECONCILED, STATEMENTS, parameters)
    if not settings.IS_SANDBOX:
        demo = StepUp.objects.filter(method=StepUp.Method.SANDBOX).count()
        if demo:
            yield Finding(Kind.DEMO_PROOF, "step-ups", f"{demo} were made without a code, as only a sandbox may")
