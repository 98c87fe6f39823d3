"""Tokens that link a Telegram account, once; a later account of a user waits a day before it may withdraw money."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from trading.lib.schema import function_back, only_changes

COOLS = """
create function users_telegramlink_cools() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    new.withdrawals_from := clock_timestamp() + case
        when exists (select from users_telegramlink where user_id = new.user_id) then interval '1 day'
        else interval '0'
    end;
    return new;
end $$;
create trigger cools before insert on users_telegramlink
    for each row execute function users_telegramlink_cools();

create function users_linktoken_stays_used() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if old.used_at is not null then
        raise exception 'DC74 a token that was used stays so' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger stays_used before update on users_linktoken
    for each row execute function users_linktoken_stays_used();
"""
COOLS_BACK = (
    "drop trigger stays_used on users_linktoken; drop trigger cools on users_telegramlink;"
    + function_back("users_linktoken_stays_used()", "users_telegramlink_cools()")
)
# Links that are there already have cooled off long ago.
BEFORE = """
alter table users_telegramlink disable trigger user;
update users_telegramlink set withdrawals_from = linked_at;
alter table users_telegramlink enable trigger user;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0013_preferences'),
    ]

    operations = [
        migrations.AddField(
            model_name='telegramlink',
            name='withdrawals_from',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='LinkToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hash', models.BinaryField(unique=True)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='link_tokens', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(COOLS, COOLS_BACK),
        only_changes("users_linktoken", "used_at"),
    ]
