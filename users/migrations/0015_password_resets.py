"""Password resets: each from a request that two people carried, collected once, used once, in time."""

import functools

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import trading.lib.ids
from trading.lib.schema import function_back, never_deleted, only_changes

GUARD = """
create function users_passwordreset_born() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    request users_approvalrequest;
begin
    select * into holder from users_user where id = new.user_id;
    request := users_executed_here('password.reset', holder.ref);
    if request.id is null or request.id is distinct from new.request_id then
        raise exception 'DC96 the password of % is reset only by a request that two people carried', holder.username
            using errcode = '42501';
    end if;
    new.created_at := clock_timestamp();
    new.expires_at := new.created_at + interval '1 day';
    new.secret_hash := null;
    new.collected_at := null;
    new.used_at := null;
    return new;
end $$;
create trigger born before insert on users_passwordreset for each row execute function users_passwordreset_born();

create function users_passwordreset_steps() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if clock_timestamp() >= old.expires_at or old.used_at is not null
        or old.collected_at is not null
            and (new.collected_at, new.secret_hash) is distinct from (old.collected_at, old.secret_hash)
        or old.collected_at is null and new.used_at is not null then
        raise exception 'DC97 the code of a reset is collected once and used once, in time' using errcode = '42501';
    end if;
    if old.collected_at is null and new.collected_at is not null then
        new.collected_at := clock_timestamp();
    end if;
    if new.used_at is not null then
        new.used_at := clock_timestamp();
    end if;
    return new;
end $$;
create trigger steps before update on users_passwordreset
    for each row execute function users_passwordreset_steps();

create function users_reset_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from users_passwordreset as reset join users_user as holder on holder.id = reset.user_id
        where reset.request_id = new.id and holder.password like '!%'
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger reset_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row when (new.status = 'executed' and new.act = 'password.reset')
    execute function users_reset_took_effect();

-- Whoever was let in and has no password gets one only with a code that was used here.
create function users_password_reset_used() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from users_passwordreset where user_id = new.id and used_at >= transaction_timestamp()
    ) then
        raise exception 'DC99 % gets a password only with the code of a reset', new.username using errcode = '42501';
    end if;
    return null;
end $$;
create constraint trigger password_reset_used after update of password on users_user
    deferrable initially deferred for each row
    when (old.password like '!%' and new.password not like '!%' and old.status <> 'pending')
    execute function users_password_reset_used();
"""
GUARD_BACK = (
    "drop trigger password_reset_used on users_user; drop trigger reset_took_effect on users_approvalrequest;"
    "drop trigger steps on users_passwordreset; drop trigger born on users_passwordreset;"
    + function_back(
        "users_password_reset_used()",
        "users_reset_took_effect()",
        "users_passwordreset_steps()",
        "users_passwordreset_born()",
    )
)


class Migration(migrations.Migration):
    dependencies = [("users", "0014_telegram_tokens")]
    operations = [
        migrations.CreateModel(
            name="PasswordReset",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref", models.CharField(default=functools.partial(trading.lib.ids.new_ref, "PWR"), max_length=16, unique=True)),
                ("secret_hash", models.BinaryField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("collected_at", models.DateTimeField(blank=True, null=True)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("request", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="password_reset", to="users.approvalrequest")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="password_resets", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [models.Index(fields=["user", "-id"], name="password_reset_user")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(models.Q(("collected_at__isnull", True), ("secret_hash__isnull", True), ("used_at__isnull", True)), models.Q(("collected_at__isnull", False), ("secret_hash__isnull", False)), _connector="OR"),
                        name="password_reset_collected_whole",
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, GUARD_BACK),
        only_changes("users_passwordreset", "secret_hash", "collected_at", "used_at"),
        *never_deleted("users_passwordreset"),
    ]
