"""
Passkeys, and the challenges they answer.

A passkey goes while another second factor of its user stays, or by a request that two people carried. What
identifies it never changes, and its counter never goes back.
"""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from trading.lib.schema import function_back, only_changes, replaced

GUARD = """
create function users_passkey_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    request users_approvalrequest;
begin
    if tg_op = 'UPDATE' then
        if new.sign_count < old.sign_count then
            raise exception 'DC75 the counter of a passkey does not go back' using errcode = '42501';
        end if;
        return new;
    end if;
    if exists (select from users_totpdevice where user_id = old.user_id and confirmed)
        or exists (select from users_passkey where user_id = old.user_id and confirmed and id <> old.id) then
        return old;
    end if;
    select * into holder from users_user where id = old.user_id;
    request := users_executed_here('device.reset', holder.ref);
    if request.id is null then
        raise exception 'DC76 the last second factor of % goes only by a request that two people carried',
            holder.username using errcode = '42501';
    end if;
    return old;
end $$;
create trigger guard before update or delete on users_passkey
    for each row execute function users_passkey_guard();
"""
GUARD_BACK = "drop trigger guard on users_passkey;" + function_back("users_passkey_guard()")
# A reset of second factors takes the passkeys, too.
RESET = """
create or replace function users_devices_reset() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if exists (
        select from users_totpdevice as device join users_user as one on one.id = device.user_id
        where one.ref = new.subject_ref and device.confirmed and device.created_at < new.closed_at
        union all
        select from users_passkey as device join users_user as one on one.id = device.user_id
        where one.ref = new.subject_ref and device.created_at < new.closed_at
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
"""
EARLIER = import_module("users.migrations.0016_device_guard")


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0016_device_guard'),
    ]

    operations = [
        migrations.CreateModel(
            name='Passkey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The human-readable name of this device.', max_length=64)),
                ('confirmed', models.BooleanField(default=True, help_text='Is this device ready for use?')),
                ('created_at', models.DateTimeField(auto_now_add=True, help_text='The date and time when this device was initially created in the system.', null=True)),
                ('last_used_at', models.DateTimeField(blank=True, help_text='The most recent date and time this device was used.', null=True)),
                ('credential_type', models.CharField(choices=[('public-key', 'Public Key')], default='public-key', editable=False, max_length=32, verbose_name='credential type')),
                ('credential_id', models.BinaryField(max_length=1023, verbose_name='credential id data')),
                ('public_key', models.BinaryField(max_length=1023, verbose_name='COSE public key data')),
                ('transports', models.JSONField(default=list, editable=False, verbose_name='transports')),
                ('sign_count', models.PositiveIntegerField(default=0, editable=False, verbose_name='sign count')),
                ('backup_eligible', models.BooleanField(default=False, editable=False, verbose_name='backup eligible')),
                ('backup_state', models.BooleanField(default=False, editable=False, verbose_name='backup state')),
                ('aaguid', models.CharField(editable=False, max_length=36, verbose_name='AAGUID')),
                ('credential_id_sha256', models.CharField(editable=False, max_length=64, unique=True, verbose_name='hashed credential id')),
                ('discoverable', models.BooleanField(default=None, editable=False, null=True, verbose_name='discoverable')),
                ('user', models.ForeignKey(help_text='The user that this device belongs to.', on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='PasskeyAttestation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fmt', models.CharField(choices=[('packed', 'packed'), ('tpm', 'tpm'), ('android-key', 'android-key'), ('android-safetynet', 'android-safetynet'), ('fido-u2f', 'fido-u2f'), ('none', 'none')], editable=False, max_length=255, verbose_name='format')),
                ('data', models.BinaryField(verbose_name='data')),
                ('client_data_json', models.BinaryField(verbose_name='client data JSON')),
                ('credential', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='attestation', to='users.passkey')),
            ],
            options={
                'verbose_name': 'WebAuthn attestation',
                'verbose_name_plural': 'WebAuthn attestations',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PasskeyChallenge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(max_length=80)),
                ('challenge', models.CharField(max_length=128, unique=True)),
                ('expires_at', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='passkey_challenges', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddConstraint(
            model_name='passkey',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='passkey_named'),
        ),
        migrations.AddConstraint(
            model_name='passkeychallenge',
            constraint=models.UniqueConstraint(fields=('user', 'scope'), name='passkey_challenge_newest'),
        ),
        only_changes("users_passkey", "name", "sign_count", "backup_state", "last_used_at"),
        migrations.RunSQL(GUARD, GUARD_BACK),
        replaced(RESET, EARLIER.GUARD),
    ]
