"""How the console looks to somebody, and passwords that change only with an audit event beside them."""

from django.db import migrations, models

from trading.lib.schema import function_back

# Rows of this transaction and its savepoints have ids at or above its own.
EVIDENCE = """
create function users_password_evidence() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from users_auditevent
        where subject_ref = new.ref and name like 'password.%' and age(xmin) <= age(pg_current_xact_id()::xid)
    ) then
        raise exception 'DC95 the password of % changes with an audit event beside it', new.username
            using errcode = '42501';
    end if;
    return null;
end $$;
create constraint trigger password_evidence after update of password on users_user
    deferrable initially deferred for each row
    when (old.password is distinct from new.password and old.status <> 'pending')
    execute function users_password_evidence();
"""
EVIDENCE_BACK = "drop trigger password_evidence on users_user;" + function_back("users_password_evidence()")


class Migration(migrations.Migration):
    dependencies = [("users", "0012_tokens")]
    operations = [
        migrations.AddField("user", "digits", models.CharField(choices=[("own", "Those of the language"), ("latin", "Latin: 0 1 2 3")], default="own", db_default="own", max_length=8)),
        migrations.AddField("user", "density", models.CharField(choices=[("compact", "Compact"), ("comfortable", "Comfortable")], default="compact", db_default="compact", max_length=16)),
        migrations.AddField("user", "theme", models.CharField(choices=[("system", "As the system"), ("light", "Light"), ("dark", "Dark")], default="system", db_default="system", max_length=8)),
        migrations.AddConstraint("user", models.CheckConstraint(condition=models.Q(("digits__in", ["own", "latin"])), name="user_digits_known")),
        migrations.AddConstraint("user", models.CheckConstraint(condition=models.Q(("density__in", ["compact", "comfortable"])), name="user_density_known")),
        migrations.AddConstraint("user", models.CheckConstraint(condition=models.Q(("theme__in", ["system", "light", "dark"])), name="user_theme_known")),
        migrations.RunSQL(EVIDENCE, EVIDENCE_BACK),
    ]
