"""
Reading the gate and posting a trade's first journals, in this order, in one round trip.

What waits for people is found by an index that has nothing else, so the gate costs the same after a million settlements.
"""

from importlib import import_module

from django.db import migrations, models

from trading.lib.schema import function_back, replaced

BEFORE = import_module("settlement.migrations.0013_releasing_rules").GATE
GATE = """
create or replace function settlement_gate(
    out is_on boolean, out is_halted boolean, out threshold numeric, out is_full boolean
) language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
declare
    policy settlement_settlementpolicy;
begin
    perform pg_advisory_xact_lock_shared(7001);
    select * into strict policy from settlement_settlementpolicy order by version desc limit 1;
    is_on := exists (select from waffle_switch where name = 'AUTO_SETTLEMENT_ENABLED' and active);
    is_halted := exists (select from waffle_switch where name = 'TRANSFERS_HALTED' and active);
    threshold := policy.release_threshold;
    is_full := exists (
        select from settlement_settlement where status in ('flagged_off', 'blocked', 'needs_review')
        offset policy.most_waiting - 1
    ) or exists (
        select from settlement_settlement where status in ('flagged_off', 'blocked', 'needs_review')
        and created_at < clock_timestamp() - make_interval(hours => policy.oldest_hours)
    );
end $$;
"""
OPEN = """
create function settlement_open(
    journals jsonb,
    out is_on boolean, out is_halted boolean, out threshold numeric, out is_full boolean, out is_covered boolean
) language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
begin
    select gate.is_on, gate.is_halted, gate.threshold, gate.is_full
    into is_on, is_halted, threshold, is_full from settlement_gate() as gate;
    if not is_full then
        select bool_and(posted.is_covered) into is_covered from settlement_post(journals) as posted;
    end if;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0052_folding")]
    operations = [
        migrations.AddIndex(
            model_name="settlement",
            index=models.Index(
                condition=models.Q(("status__in", ["flagged_off", "blocked", "needs_review"])),
                fields=["created_at"],
                name="settlement_waiting",
            ),
        ),
        replaced(GATE, BEFORE),
        migrations.RunSQL(OPEN, function_back("settlement_open(jsonb)")),
    ]
