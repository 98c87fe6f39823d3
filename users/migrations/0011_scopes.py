"""
Scopes: which counterparties one of the desk's people serves. Widening takes a request that two people carried; who does
not serve a counterparty neither proposes nor decides about what is its.
"""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from trading.lib.schema import function_back, never_deleted, only_changes, replaced

ROLES = import_module("users.migrations.0004_dual_control").ROLES

# Requests that are there already: whose they are about.
ABOUT_BEFORE = """
alter table users_approvalrequest disable trigger user;
update users_approvalrequest as request set subject_counterparty_id = one.counterparty_id
from users_user as one where one.ref = request.subject_ref;
alter table users_approvalrequest enable trigger user;
"""

SERVES = """
create function users_serves(who bigint, party bigint) returns boolean language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select party is null
        or exists (select from users_user where id = who and not is_scoped)
        or exists (select from users_scopegrant where user_id = who and counterparty_id = party and ended_at is null)
$$;
"""

COUNTING = """
create or replace function users_counting_approvals(wanted bigint) returns setof users_approvaldecision
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
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
        and users_serves(approver.id, request.subject_counterparty_id)
    order by decision.id
$$;
"""

IN_SCOPE = """
create function users_approvalrequest_in_scope() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        new.subject_counterparty_id := coalesce(
            (select counterparty_id from users_user where ref = new.subject_ref),
            (select id from users_counterparty where ref = new.subject_ref),
            new.subject_counterparty_id
        );
        if not users_serves(new.requested_by_id, new.subject_counterparty_id) then
            raise exception 'DC06 the proposer does not serve this counterparty' using errcode = '23514';
        end if;
    elsif new.status in ('approved', 'executed') and not users_serves(old.requested_by_id, old.subject_counterparty_id)
        and old.status <> new.status then
        raise exception 'DC11 the proposer may no longer propose it' using errcode = '23514';
    end if;
    return new;
end $$;
create trigger in_scope before insert or update on users_approvalrequest
    for each row execute function users_approvalrequest_in_scope();

create function users_approvaldecision_in_scope() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not users_serves(new.decided_by_id, (
        select subject_counterparty_id from users_approvalrequest where id = new.request_id
    )) then
        raise exception 'DC28 the approver does not serve this counterparty' using errcode = '23514';
    end if;
    return new;
end $$;
create trigger in_scope before insert on users_approvaldecision
    for each row execute function users_approvaldecision_in_scope();
"""
IN_SCOPE_BACK = (
    "drop trigger in_scope on users_approvaldecision; drop trigger in_scope on users_approvalrequest;"
    + function_back("users_approvaldecision_in_scope()", "users_approvalrequest_in_scope()")
)

WIDER = """
create function users_scope_lifted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
begin
    request := users_executed_here('scope.widen', new.ref);
    if request.id is null or request.payload <> '{"whole_desk": true}' then
        raise exception 'DC92 % serves the whole desk only by a request that two people carried', new.username
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger scope_lifted before update of is_scoped on users_user
    for each row when (old.is_scoped and not new.is_scoped) execute function users_scope_lifted();

-- While a login serves the whole desk, a grant adds nothing: so are scopes narrowed, by one person.
create function users_scopegrant_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    request users_approvalrequest;
begin
    if tg_op = 'UPDATE' then
        if old.ended_at is not null then
            raise exception 'DC94 an ended scope stays ended' using errcode = '42501';
        end if;
        return new;
    end if;
    new.granted_at := clock_timestamp();
    select * into holder from users_user where id = new.user_id for no key update;
    if not holder.is_scoped then
        return new;
    end if;
    request := users_executed_here('scope.widen', holder.ref);
    if request.id is null
        or not request.payload -> 'counterparties' ? (select ref from users_counterparty where id = new.counterparty_id)
    then
        raise exception 'DC93 % serves more only by a request that two people carried', holder.username
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert or update on users_scopegrant
    for each row execute function users_scopegrant_guard();

create function users_scope_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
begin
    select * into holder from users_user where ref = new.subject_ref;
    if holder.is_scoped and (new.payload ? 'whole_desk' or exists (
        select from jsonb_array_elements_text(new.payload -> 'counterparties') as wanted
        join users_counterparty as party on party.ref = wanted
        where not users_serves(holder.id, party.id)
    )) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger scope_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row when (new.status = 'executed' and new.act = 'scope.widen')
    execute function users_scope_took_effect();
"""
WIDER_BACK = (
    "drop trigger scope_took_effect on users_approvalrequest; drop trigger guard on users_scopegrant;"
    "drop trigger scope_lifted on users_user;"
    + function_back("users_scope_took_effect()", "users_scopegrant_guard()", "users_scope_lifted()")
)


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0010_sign_in_attempts'),
    ]

    operations = [
        migrations.CreateModel(
            name='ScopeGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('granted_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='approvalrequest',
            name='subject_counterparty',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.counterparty'),
        ),
        migrations.AddField(
            model_name='user',
            name='is_scoped',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('is_scoped', False), models.Q(('counterparty__isnull', True), ('kind', 'human')), _connector='OR'), name='user_scope_of_staff'),
        ),
        migrations.AddField(
            model_name='scopegrant',
            name='counterparty',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='scope_grants', to='users.counterparty'),
        ),
        migrations.AddField(
            model_name='scopegrant',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='scope_grants', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='scopegrant',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('user', 'counterparty'), name='scope_granted_once'),
        ),
        migrations.RunSQL(ABOUT_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(SERVES, function_back("users_serves(bigint, bigint)")),
        replaced(COUNTING, ROLES),
        migrations.RunSQL(IN_SCOPE, IN_SCOPE_BACK),
        migrations.RunSQL(WIDER, WIDER_BACK),
        only_changes("users_scopegrant", "ended_at"),
        *never_deleted("users_scopegrant"),
    ]
