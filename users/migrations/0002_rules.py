"""The database's own rules for people and evidence."""

from django.db import migrations

from trading.lib.schema import append_only, never_deleted, only_changes, transitions

FUNCTIONS = """
create function desk_append_only() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    raise exception '% rows are never changed or removed', tg_table_name using errcode = '42501';
end $$;

create function desk_transition() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
declare
    step text := case tg_op when 'INSERT' then '>' || new.status else old.status || '>' || new.status end;
begin
    if tg_op = 'UPDATE' and old.status = new.status then
        return new;
    end if;
    if step <> all (tg_argv) then
        raise exception '% has no step %', tg_table_name, step using errcode = '23514';
    end if;
    return new;
end $$;

create function desk_only_changes() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if (to_jsonb(old) - coalesce(tg_argv, '{}')) is distinct from (to_jsonb(new) - coalesce(tg_argv, '{}')) then
        raise exception '% may only change %', tg_table_name, array_to_string(tg_argv, ', ')
            using errcode = '42501';
    end if;
    return new;
end $$;
"""

# The seal chain: numbers without gaps, each seal on the hash of the one before, all events real and
# in order; the index finds the highest event that was sealed.
SEALS = """
create function users_auditseal_chained() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
declare
    last users_auditseal;
begin
    select * into last from users_auditseal order by number desc limit 1;
    if new.number <> coalesce(last.number, 0) + 1
        or (last.hash is not null and new.previous_hash <> last.hash) then
        raise exception 'seal % does not follow seal %', new.number, coalesce(last.number, 0) using errcode = '23514';
    end if;
    if new.event_ids <> array(select unnest(new.event_ids) order by 1) then
        raise exception 'seal % has its events out of order', new.number using errcode = '23514';
    end if;
    if (select count(*) from users_auditevent where id = any (new.event_ids)) <> cardinality(new.event_ids) then
        raise exception 'seal % names events that do not exist', new.number using errcode = '23514';
    end if;
    return new;
end $$;
create trigger chained before insert on users_auditseal
    for each row execute function users_auditseal_chained();
create index seal_highest_event on users_auditseal ((event_ids[cardinality(event_ids)]));
"""

SEALS_BACK = """
drop index seal_highest_event;
drop trigger chained on users_auditseal;
drop function users_auditseal_chained();
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0001_initial")]
    operations = [
        migrations.RunSQL(
            FUNCTIONS,
            "drop function desk_append_only(); drop function desk_transition(); drop function desk_only_changes();",
        ),
        *append_only("users_auditevent", "users_auditseal"),
        migrations.RunSQL(SEALS, SEALS_BACK),
        transitions(
            "users_user",
            ["pending"],
            {
                "pending": ["active", "rejected"],
                "active": ["suspended"],
                "suspended": ["active"],
                "rejected": ["pending"],
            },
        ),
        transitions("users_counterparty", ["active"], {"active": ["frozen"], "frozen": ["active"]}),
        only_changes("users_counterparty", "name", "status", "updated_at"),
        only_changes("users_rolegrant", "revoked_at"),
        only_changes("users_telegramlink", "ended_at", "unreachable_at"),
        *never_deleted(
            "users_person", "users_counterparty", "users_user", "users_rolegrant", "users_telegramlink"
        ),
    ]
