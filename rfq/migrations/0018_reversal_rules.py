"""The dispute that a reversal names is about the trade that is reversed. Its refusal begins with a code (RV06)."""

from django.db import migrations

from trading.lib.schema import function_back

DISPUTE = """
create function rfq_reversal_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from rfq_dispute as dispute join rfq_fill as fill on fill.id = dispute.fill_id
        where dispute.ref = new.dispute and fill.settlement_id = new.settlement_id
    ) then
        raise exception 'RV06 % is no dispute about what is reversed', new.dispute using errcode = '23503';
    end if;
    return new;
end $$;
create trigger of_dispute before insert on settlement_reversal
    for each row when (new.dispute <> '') execute function rfq_reversal_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("rfq", "0017_receipts_of_reversals"), ("settlement", "0033_reversal_rules")]
    operations = [
        migrations.RunSQL(
            DISPUTE, "drop trigger of_dispute on settlement_reversal;" + function_back("rfq_reversal_guard()")
        ),
    ]
