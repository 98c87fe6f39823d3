"""A client's day is added up with each fill, and a trade that is taken back is taken off; the last two days at first."""

from django.db import migrations

from trading.lib.schema import function_back

KEEP = """
create function rfq_count_fill() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into rfq_dailynotional as kept (client_id, day, base_amount)
    values (new.client_id, (new.filled_at at time zone 'UTC')::date, new.base_amount)
    on conflict (client_id, day) do update set base_amount = kept.base_amount + excluded.base_amount;
    return null;
end $$;

create function rfq_discount_fill() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    update rfq_dailynotional as kept set base_amount = kept.base_amount - fill.base_amount
    from rfq_fill as fill
    where fill.settlement_id = new.settlement_id and kept.client_id = fill.client_id
        and kept.day = (fill.filled_at at time zone 'UTC')::date;
    return null;
end $$;

lock table rfq_fill, settlement_reversal in share row exclusive mode;
create trigger daily_notional after insert on rfq_fill
    for each row execute function rfq_count_fill();
create trigger daily_notional after insert on settlement_reversal
    for each row execute function rfq_discount_fill();
insert into rfq_dailynotional (client_id, day, base_amount)
select fill.client_id, (fill.filled_at at time zone 'UTC')::date, sum(fill.base_amount)
from rfq_fill as fill
where fill.filled_at >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '1 day'
    and not exists (select from settlement_reversal as back where back.settlement_id = fill.settlement_id)
group by 1, 2;
"""
BACK = """
drop trigger daily_notional on rfq_fill;
drop trigger daily_notional on settlement_reversal;
delete from rfq_dailynotional;
"""


class Migration(migrations.Migration):
    dependencies = [("rfq", "0021_daily_notional"), ("settlement", "0033_reversal_rules")]
    operations = [
        migrations.RunSQL(KEEP, BACK + function_back("rfq_count_fill()", "rfq_discount_fill()")),
    ]
