"""
Sessions of our own: keys hashed, rows that say whose they are, all of a user's ended when their rights change.

Whoever is signed in while this is applied signs in again. The earlier table kept its keys in clear: it is emptied.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from trading.lib.schema import function_back

ENDINGS = """
create function users_sessions_end() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from users_session where user_id = (to_jsonb(new) ->> tg_argv[0])::bigint;
    return null;
end $$;
create trigger sessions_end after update of status on users_user
    for each row when (old.status is distinct from new.status) execute function users_sessions_end('id');
create trigger sessions_end after insert or update on users_rolegrant
    for each row execute function users_sessions_end('user_id');
"""
ENDINGS_BACK = (
    "drop trigger sessions_end on users_user; drop trigger sessions_end on users_rolegrant;"
    + function_back("users_sessions_end()")
)
CLEAR_KEYS = """
do $$
begin
    if to_regclass('public.django_session') is not null then
        delete from django_session;
    end if;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0008_onboarding")]
    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("session_key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("is_verified", models.BooleanField(default=False)),
                ("began_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("address", models.GenericIPAddressField(blank=True, null=True)),
                ("browser", models.CharField(blank=True, max_length=64)),
                ("user", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="sessions", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("session_key__regex", "^[0-9a-f]{64}$")), name="session_key_hashed")],
            },
        ),
        migrations.RunSQL(ENDINGS, ENDINGS_BACK),
        migrations.RunSQL(CLEAR_KEYS, migrations.RunSQL.noop),
    ]
