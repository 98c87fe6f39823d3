"""The switch is turned on only by a request that two people carried; off is one person's act."""

from django.db import migrations

GUARD = """
create function settlement_flag_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
begin
    if new.name <> 'AUTO_SETTLEMENT_ENABLED' or not new.active then
        return new;
    end if;
    if tg_op = 'UPDATE' and old.active and old.name = new.name then
        return new;
    end if;
    request := users_executed_here('flag.on', new.name);
    if request.id is null then
        raise exception 'DC70 % is turned on only by a request that two people carried', new.name
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert or update on waffle_switch
    for each row execute function settlement_flag_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0003_rules"), ("users", "0005_dual_control_effects")]
    operations = [
        migrations.RunSQL(GUARD, "drop trigger guard on waffle_switch; drop function settlement_flag_guard();"),
    ]
