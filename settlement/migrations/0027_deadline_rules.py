"""A settlement is born with its deadline, by the limits as they are then; the deadline's length takes two people."""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import function_back, only_changes_changed, replaced

RELEASING = import_module("settlement.migrations.0013_releasing_rules")

DUE = """
create function settlement_due() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    new.due_at := new.created_at + make_interval(
        mins => (select sla_minutes from settlement_settlementpolicy order by version desc limit 1)
    );
    new.late_told_at := null;
    return new;
end $$;
create trigger due before insert on settlement_settlement for each row execute function settlement_due();
"""
POLICY = """
create or replace function settlement_policy_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest := users_executed_here('settlement_policy.change', 'SETTLEMENT');
begin
    if request.id is null
        or new.version <> (select max(version) + 1 from settlement_settlementpolicy)
        or (new.release_threshold, new.backlog_batch, new.most_waiting, new.oldest_hours, new.sla_minutes)
            is distinct from (
                (request.payload ->> 'release_threshold')::numeric, (request.payload ->> 'backlog_batch')::smallint,
                (request.payload ->> 'most_waiting')::integer, (request.payload ->> 'oldest_hours')::smallint,
                (request.payload ->> 'sla_minutes')::integer
            ) then
        raise exception 'ST04 the limits of settlement change only by a request that two people carried'
            using errcode = '42501';
    end if;
    new.made_at := clock_timestamp();
    return new;
end $$;
"""
CHANGEABLE = (*RELEASING.CHANGEABLE, "is_released")


class Migration(migrations.Migration):
    dependencies = [("settlement", "0026_deadlines")]
    operations = [
        migrations.RunSQL(DUE, "drop trigger due on settlement_settlement;" + function_back("settlement_due()")),
        replaced(POLICY, RELEASING.POLICY),
        only_changes_changed("settlement_settlement", before=CHANGEABLE, after=(*CHANGEABLE, "late_told_at")),
    ]
