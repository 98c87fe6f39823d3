"""A correction of the ledger is compared with what two people signed by what it moves on each account, summed up."""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import replaced

BEFORE = import_module("settlement.migrations.0021_adjust_rules").ADJUST

ADJUSTED = """
create or replace function settlement_adjusted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if (
        select jsonb_object_agg(code, units) from (
            select account.code, sum(entry.amount) / power(10::numeric, max(asset.scale)) as units
            from settlement_journal as journal
            join settlement_entry as entry on entry.journal_id = journal.id and entry.layer = 'P'
            join settlement_ledgeraccount as account on account.id = entry.account_id
            join settlement_asset as asset on asset.code = entry.asset_id
            where journal.key = 'adjust:' || new.ref group by account.code
        ) as booked
    ) is distinct from jsonb_build_object(
        new.payload ->> 'debit', (new.payload ->> 'amount')::numeric,
        new.payload ->> 'credit', -(new.payload ->> 'amount')::numeric
    ) or exists (
        select from settlement_entry as entry join settlement_journal as journal on journal.id = entry.journal_id
        where journal.key = 'adjust:' || new.ref and entry.layer <> 'P'
    ) then
        raise exception 'LG02 % is booked otherwise than it was signed', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0027_deadline_rules")]
    operations = [replaced(ADJUSTED, BEFORE)]
