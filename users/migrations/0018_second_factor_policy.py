"""
Which roles need a passkey: versioned, changed by two, and asked by the database itself.

A desk that has people already keeps what its setting says; a new one gets its first versions with its policies.
"""

from django.conf import settings
from django.db import migrations, models

from trading.lib import clock
from trading.lib.schema import append_only, function_back

ROLES = ("ops", "approver", "admin", "auditor")

POLICY = """
create function users_needs_passkey(who bigint) returns boolean language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select exists (
        select from users_rolegrant as held
        join users_secondfactorpolicy as policy on policy.role = held.role and policy.passkey_required
        where held.user_id = who and held.revoked_at is null and not exists (
            select from users_secondfactorpolicy as newer
            where newer.role = policy.role and newer.version > policy.version
        )
    )
$$;

create function users_secondfactorpolicy_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
    newest users_secondfactorpolicy;
begin
    select * into newest from users_secondfactorpolicy where role = new.role order by version desc limit 1;
    if new.version <> coalesce(newest.version, 0) + 1 then
        raise exception 'DC64 version % of the second factor of % does not follow', new.version, new.role
            using errcode = '23514';
    end if;
    new.made_at := clock_timestamp();
    if newest.id is null then
        return new;
    end if;
    request := users_executed_here('second_factor.change', new.role);
    if request.id is null or newest.made_at >= request.closed_at
        or request.payload is distinct from jsonb_build_object('passkey_required', new.passkey_required) then
        raise exception 'DC65 the second factor of % changes only by a request that two people carried', new.role
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert on users_secondfactorpolicy
    for each row execute function users_secondfactorpolicy_guard();

-- Tokens were given for a one-time code: they end where that does not do any more.
create function users_secondfactorpolicy_ends_tokens() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    update users_tokenfamily set ended_at = clock_timestamp()
    where ended_at is null and user_id in (
        select user_id from users_rolegrant where role = new.role and revoked_at is null
    );
    return null;
end $$;
create trigger ends_tokens after insert on users_secondfactorpolicy
    for each row when (new.passkey_required) execute function users_secondfactorpolicy_ends_tokens();

create function users_second_factor_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from users_secondfactorpolicy where role = new.subject_ref and made_at >= new.closed_at
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger second_factor_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row when (new.status = 'executed' and new.act = 'second_factor.change')
    execute function users_second_factor_took_effect();
"""
POLICY_BACK = (
    "drop trigger second_factor_took_effect on users_approvalrequest;"
    "drop trigger ends_tokens on users_secondfactorpolicy; drop trigger guard on users_secondfactorpolicy;"
    + function_back(
        "users_second_factor_took_effect()",
        "users_secondfactorpolicy_ends_tokens()",
        "users_secondfactorpolicy_guard()",
        "users_needs_passkey(bigint)",
    )
)

USES = """
create function users_approvaldecision_strong() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if users_needs_passkey(new.decided_by_id) and not exists (
        select from users_stepup as proof
        join users_passkey as passkey on passkey.user_id = proof.user_id and passkey.confirmed
        where proof.id = new.step_up_id and proof.user_id = new.decided_by_id and proof.method = 'passkey'
    ) then
        raise exception 'DC29 a role of the approver decides with a passkey only' using errcode = '23514';
    end if;
    return new;
end $$;
create trigger strong before insert on users_approvaldecision
    for each row execute function users_approvaldecision_strong();

create function users_tokenfamily_strong() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if users_needs_passkey(new.user_id) then
        raise exception 'DC77 who needs a passkey is given no tokens' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger strong before insert on users_tokenfamily for each row execute function users_tokenfamily_strong();
"""
USES_BACK = (
    "drop trigger strong on users_tokenfamily; drop trigger strong on users_approvaldecision;"
    + function_back("users_tokenfamily_strong()", "users_approvaldecision_strong()")
)


def keep_the_setting(apps, schema_editor):
    """What the setting said until now stays so where people work already."""
    database = schema_editor.connection.alias
    if not apps.get_model("users", "User").objects.using(database).filter(status="active").exists():
        return
    required = () if settings.IS_SANDBOX else settings.PASSKEY_ROLES
    policies = apps.get_model("users", "SecondFactorPolicy").objects.using(database)
    for role in ROLES:
        policies.create(role=role, version=1, passkey_required=role in required, made_at=clock.now())


class Migration(migrations.Migration):
    dependencies = [("users", "0017_passkeys")]
    operations = [
        migrations.CreateModel(
            name="SecondFactorPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("role", models.CharField(choices=[("trader", "Trader"), ("lp", "LP dealer"), ("ops", "Operations"), ("approver", "Approver"), ("admin", "Administrator"), ("auditor", "Auditor"), ("service", "Service")], max_length=16)),
                ("version", models.PositiveIntegerField()),
                ("passkey_required", models.BooleanField()),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "second factor policies",
                "constraints": [
                    models.UniqueConstraint(fields=("role", "version"), name="second_factor_version"),
                    models.CheckConstraint(condition=models.Q(("role__in", ["ops", "approver", "admin", "auditor"])), name="second_factor_of_the_desk"),
                ],
            },
        ),
        migrations.RunSQL(POLICY, POLICY_BACK),
        migrations.RunSQL(USES, USES_BACK),
        *append_only("users_secondfactorpolicy"),
        migrations.RunPython(keep_the_setting, migrations.RunPython.noop),
    ]
