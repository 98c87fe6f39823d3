"""Adding the entries up by day: only what nothing can appear among any more, and only by this function."""

from django.db import migrations

from trading.lib.schema import function_back

FOLD = """
create function settlement_fold(most bigint default 500000) returns bigint language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    mark settlement_foldmark;
    bound bigint;
    folded bigint := 0;
begin
    insert into settlement_foldmark (id, upto, noted_id, noted_xid) values (1, 0, 0, '0') on conflict do nothing;
    select * into mark from settlement_foldmark for update skip locked;
    if mark.id is null then
        return 0;
    end if;
    -- A journal's row is written before its entries draw their ids, so who drew one has a number below the noted one.
    if mark.noted_id > mark.upto and mark.noted_xid <= pg_snapshot_xmin(pg_current_snapshot()) then
        bound := least(mark.noted_id, mark.upto + most);
        insert into settlement_daysum as kept (account_id, layer, day, amount)
        select entry.account_id, entry.layer, (journal.created_at at time zone 'UTC')::date, sum(entry.amount)
        from settlement_entry as entry join settlement_journal as journal on journal.id = entry.journal_id
        where entry.id > mark.upto and entry.id <= bound
        group by 1, 2, 3 order by 1, 2, 3
        on conflict (account_id, layer, day) do update set amount = kept.amount + excluded.amount;
        update settlement_foldmark set upto = bound where id = mark.id;
        folded := bound - mark.upto;
        mark.upto := bound;
    end if;
    -- Noted anew once all of it is added up, or when the noted transaction is of another server's life (a restore).
    if mark.noted_id <= mark.upto or mark.noted_xid > pg_snapshot_xmax(pg_current_snapshot()) then
        mark.noted_id := (select coalesce(max(id), 0) from settlement_entry);
        update settlement_foldmark set noted_id = mark.noted_id, noted_xid = pg_snapshot_xmax(pg_current_snapshot())
        where id = mark.id;
    end if;
    return folded;
end $$;
"""

class Migration(migrations.Migration):
    dependencies = [("settlement", "0051_sums_by_day")]
    operations = [
        migrations.RunSQL(FOLD, function_back("settlement_fold(bigint)")),
    ]
