"""API keys: each from a request that two people carried, collected once, only ever weakened afterwards."""

import functools

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import trading.lib.ids
from trading.lib.schema import function_back, never_deleted, only_changes

GUARD = """
create function users_apikey_born() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    request users_approvalrequest;
    replaced text;
begin
    select * into holder from users_user where id = new.user_id;
    request := users_executed_here('key.issue', holder.ref);
    if request.id is null or request.id is distinct from new.request_id then
        raise exception 'DC80 a key of % is made only by a request that two people carried', holder.username
            using errcode = '42501';
    end if;
    select ref into replaced from users_apikey where id = new.replaces_id;
    new.created_at := clock_timestamp();
    new.collect_by := new.created_at + interval '1 day';
    new.expires_at := new.created_at + make_interval(days => (request.payload ->> 'days')::integer);
    new.identifier := null;
    new.secret_hash := null;
    new.collected_at := null;
    new.revoked_at := null;
    new.last_used_at := null;
    if new.name is distinct from request.payload ->> 'name'
        or to_jsonb(new.scopes) is distinct from request.payload -> 'scopes'
        or to_jsonb(new.addresses) is distinct from request.payload -> 'addresses'
        or replaced is distinct from request.payload ->> 'replaces'
        or new.expires_at > new.created_at + interval '90 days' then
        raise exception 'DC81 these are not the terms of the key that two people carried' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger born before insert on users_apikey for each row execute function users_apikey_born();

create function users_apikey_weakens() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if new.collected_at is distinct from old.collected_at then
        if old.collected_at is not null or new.collected_at is null or old.revoked_at is not null
            or clock_timestamp() >= old.collect_by then
            raise exception 'DC82 a key is collected once, in time' using errcode = '42501';
        end if;
        new.collected_at := clock_timestamp();
    elsif (new.identifier, new.secret_hash) is distinct from (old.identifier, old.secret_hash) then
        raise exception 'DC82 a key is collected once, in time' using errcode = '42501';
    end if;
    if new.expires_at > old.expires_at then
        raise exception 'DC83 a key never lives longer than it was made for' using errcode = '42501';
    end if;
    if old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at then
        raise exception 'DC84 a revoked key stays revoked' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger weakens before update on users_apikey for each row execute function users_apikey_weakens();

create function users_key_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from users_apikey where request_id = new.id) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger key_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row when (new.status = 'executed' and new.act = 'key.issue')
    execute function users_key_took_effect();
"""
GUARD_BACK = (
    "drop trigger key_took_effect on users_approvalrequest; drop trigger weakens on users_apikey;"
    "drop trigger born on users_apikey;"
    + function_back("users_key_took_effect()", "users_apikey_weakens()", "users_apikey_born()")
)


class Migration(migrations.Migration):
    dependencies = [("users", "0006_duties_and_targets")]
    operations = [
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(default=functools.partial(trading.lib.ids.new_ref, 'KEY'), max_length=16, unique=True)),
                ('name', models.CharField(max_length=64)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=48))),
                ('addresses', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=43))),
                ('identifier', models.CharField(blank=True, max_length=16, null=True, unique=True)),
                ('secret_hash', models.BinaryField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('collect_by', models.DateTimeField()),
                ('collected_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('replaces', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='successors', to='users.apikey')),
                ('request', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='api_key', to='users.approvalrequest')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['user', '-id'], name='api_key_user')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), ('scopes__len__gte', 1)), name='api_key_says_what_for'), models.CheckConstraint(condition=models.Q(models.Q(('collected_at__isnull', True), ('identifier__isnull', True), ('secret_hash__isnull', True)), models.Q(('collected_at__isnull', False), ('identifier__isnull', False), ('secret_hash__isnull', False)), _connector='OR'), name='api_key_collected_whole'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='api_key_expires_later')],
            },
        ),
        migrations.RunSQL(GUARD, GUARD_BACK),
        only_changes(
            "users_apikey", "identifier", "secret_hash", "collected_at", "expires_at", "revoked_at", "last_used_at"
        ),
        *never_deleted("users_apikey"),
    ]
