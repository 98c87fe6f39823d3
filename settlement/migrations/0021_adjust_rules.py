"""
The ledger is corrected by two people only, exactly as they signed.

Refusals begin with a code (LG01 ...).
"""

from django.db import migrations

from trading.lib.schema import function_back

ADJUST = """
create function settlement_adjust_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from users_approvalrequest as request
        where request.ref = new.subject and request.act = 'ledger.adjust'
            and new.kind = 'adjust' and new.key = 'adjust:' || request.ref
            and request.id = (users_executed_here('ledger.adjust', request.subject_ref)).id
    ) then
        raise exception 'LG01 the ledger is corrected only by a request that two people carried'
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger adjust_guard before insert on settlement_journal
    for each row when (new.kind = 'adjust' or new.key like 'adjust:%') execute function settlement_adjust_guard();

create function settlement_adjusted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if (
        select jsonb_object_agg(account.code, entry.amount / power(10::numeric, asset.scale))
        from settlement_journal as journal
        join settlement_entry as entry on entry.journal_id = journal.id and entry.layer = 'P'
        join settlement_ledgeraccount as account on account.id = entry.account_id
        join settlement_asset as asset on asset.code = entry.asset_id
        where journal.key = 'adjust:' || new.ref
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
create constraint trigger adjusted after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act = 'ledger.adjust')
    execute function settlement_adjusted();
"""
ADJUST_BACK = (
    "drop trigger adjusted on users_approvalrequest; drop trigger adjust_guard on settlement_journal;"
    + function_back("settlement_adjusted()", "settlement_adjust_guard()")
)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0020_review_rules")]
    operations = [migrations.RunSQL(ADJUST, ADJUST_BACK)]
