"""Reading the gate and posting a trade's first journals, in this order, in one round trip."""

from django.db import migrations

from trading.lib.schema import function_back

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
    operations = [migrations.RunSQL(OPEN, function_back("settlement_open(jsonb)"))]
