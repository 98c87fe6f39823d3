"""Tokens of programs that act for a person: what was ended or used stays so, and ends when its user's rights change."""

import django.db.models.deletion
import functools
import trading.lib.ids
from django.conf import settings
from django.db import migrations, models

from trading.lib.schema import function_back, never_deleted, only_changes

ENDINGS = """
create function users_tokens_end() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    update users_tokenfamily set ended_at = clock_timestamp()
    where user_id = (to_jsonb(new) ->> tg_argv[0])::bigint and ended_at is null;
    return null;
end $$;
create trigger tokens_end after update of status on users_user
    for each row when (old.status is distinct from new.status) execute function users_tokens_end('id');
create trigger tokens_end after insert or update on users_rolegrant
    for each row execute function users_tokens_end('user_id');

create function users_tokens_stay() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_table_name = 'users_tokenfamily' and (to_jsonb(old) ->> 'ended_at') is not null
        or tg_table_name = 'users_refreshtoken' and (to_jsonb(old) ->> 'used_at') is not null then
        raise exception 'DC73 what was ended or used stays so' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger stays before update on users_tokenfamily for each row execute function users_tokens_stay();
create trigger stays before update on users_refreshtoken for each row execute function users_tokens_stay();
"""
ENDINGS_BACK = (
    "drop trigger stays on users_refreshtoken; drop trigger stays on users_tokenfamily;"
    "drop trigger tokens_end on users_user; drop trigger tokens_end on users_rolegrant;"
    + function_back("users_tokens_stay()", "users_tokens_end()")
)


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0011_scopes'),
    ]

    operations = [
        migrations.CreateModel(
            name='CallCount',
            fields=[
                ('caller', models.CharField(max_length=96, primary_key=True, serialize=False)),
                ('began_at', models.DateTimeField()),
                ('number', models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='TokenFamily',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(default=functools.partial(trading.lib.ids.new_ref, 'TOK'), max_length=16, unique=True)),
                ('address', models.GenericIPAddressField(blank=True, null=True)),
                ('began_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='token_families', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'token families',
            },
        ),
        migrations.CreateModel(
            name='RefreshToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hash', models.BinaryField(unique=True)),
                ('issued_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('family', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refresh_tokens', to='users.tokenfamily')),
            ],
        ),
        migrations.AddIndex(
            model_name='tokenfamily',
            index=models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['user'], name='token_family_live'),
        ),
        # Counts are worth nothing after a crash: they need no write-ahead log.
        migrations.RunSQL(
            "alter table users_callcount set unlogged", "alter table users_callcount set logged"
        ),
        migrations.RunSQL(ENDINGS, ENDINGS_BACK),
        only_changes("users_tokenfamily", "ended_at"),
        only_changes("users_refreshtoken", "used_at"),
        *never_deleted("users_tokenfamily"),
    ]
