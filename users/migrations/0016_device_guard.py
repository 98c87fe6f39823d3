"""
A second factor that was set up is taken away by two people only; its secret is encrypted anew by the owner only.

The runtime role may still use a device: count codes, note the time. It may make one for who has none.
"""

from django.db import migrations

from trading.lib.schema import function_back

GUARD = """
create function users_totpdevice_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    holder users_user;
    request users_approvalrequest;
begin
    if not old.confirmed then
        return coalesce(new, old);
    end if;
    if tg_op = 'UPDATE' then
        if (new.confirmed, new.user_id) is distinct from (old.confirmed, old.user_id) then
            raise exception 'DC71 a second factor that was set up stays so' using errcode = '42501';
        end if;
        if new.secret is distinct from old.secret and session_user <> (
            select pg_get_userbyid(relowner) from pg_class where oid = 'users_totpdevice'::regclass
        ) then
            raise exception 'DC72 the secret of a second factor does not change' using errcode = '42501';
        end if;
        return new;
    end if;
    select * into holder from users_user where id = old.user_id;
    request := users_executed_here('device.reset', holder.ref);
    if request.id is null then
        raise exception 'DC71 the second factor of % goes only by a request that two people carried', holder.username
            using errcode = '42501';
    end if;
    return old;
end $$;
create trigger guard before update or delete on users_totpdevice
    for each row execute function users_totpdevice_guard();

create function users_devices_reset() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if exists (
        select from users_totpdevice as device join users_user as one on one.id = device.user_id
        where one.ref = new.subject_ref and device.confirmed and device.created_at < new.closed_at
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger devices_reset after update of status on users_approvalrequest
    deferrable initially deferred for each row when (new.status = 'executed' and new.act = 'device.reset')
    execute function users_devices_reset();
"""
GUARD_BACK = (
    "drop trigger devices_reset on users_approvalrequest; drop trigger guard on users_totpdevice;"
    + function_back("users_devices_reset()", "users_totpdevice_guard()")
)


class Migration(migrations.Migration):
    dependencies = [("users", "0015_password_resets")]
    operations = [migrations.RunSQL(GUARD, GUARD_BACK)]
