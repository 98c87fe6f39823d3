"""
A settled trade is taken back by two people only, once, exactly as it was booked, and only while its money is here.

Refusals begin with a code (RV01 ...).
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import append_only, function_back, transitions_changed

BY_HAND = import_module("settlement.migrations.0018_by_hand_rules")

# What the two signed, about a trade that is settled between balances at the desk: no payment left for it.
REVERSAL = """
create function settlement_reversal_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    one settlement_settlement;
    request users_approvalrequest;
begin
    select * into strict one from settlement_settlement where id = new.settlement_id;
    request := users_executed_here('fill.reverse', one.ref);
    if request.id is null or request.payload - 'evidence' - 'dispute' <> '{}'::jsonb
        or (request.payload ->> 'evidence') is distinct from new.evidence
        or coalesce(request.payload ->> 'dispute', '') <> new.dispute then
        raise exception 'RV01 % is reversed only by a request that two people carried, as they signed it', one.ref
            using errcode = '42501';
    end if;
    if one.status <> 'settled' or one.destination_id is not null
        or exists (select from settlement_transfer where settlement_id = one.id)
        or exists (select from settlement_manualpayment where settlement_id = one.id) then
        raise exception 'RV02 % is not settled between balances at the desk', one.ref using errcode = '42501';
    end if;
    new.request_id := request.id;
    new.reversed_at := clock_timestamp();
    return new;
end $$;
create trigger guard before insert on settlement_reversal
    for each row execute function settlement_reversal_guard();

create function settlement_reversed_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_reversal
        where settlement_id = new.id and request_id = (users_executed_here('fill.reverse', new.ref)).id
    ) then
        raise exception 'RV03 % is reversed only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger reversed_guard before update of status on settlement_settlement
    for each row when (new.status = 'reversed' and old.status <> 'reversed')
    execute function settlement_reversed_guard();
"""
REVERSAL_BACK = (
    "drop trigger reversed_guard on settlement_settlement; drop trigger guard on settlement_reversal;"
    + function_back("settlement_reversed_guard()", "settlement_reversal_guard()")
)

# A journal takes another back only for such a request: the trade's, or its delivery's.
JOURNAL = """
create function settlement_reversing_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_journal as original
        join settlement_settlement as one on one.ref = original.subject
        where original.id = new.reverses_id
            and original.key in ('accrual:' || one.trade_ref, 'delivery:' || one.ref)
            and (new.kind, new.subject, new.key) = ('reversal', one.ref, 'reversal:' || original.key)
            and (users_executed_here('fill.reverse', one.ref)).id is not null
    ) then
        raise exception 'RV04 a journal is reversed only by a request that two people carried' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger reversing_guard before insert on settlement_journal
    for each row when (new.kind = 'reversal' or new.key like 'reversal:%' or new.reverses_id is not null)
    execute function settlement_reversing_guard();
"""
JOURNAL_BACK = "drop trigger reversing_guard on settlement_journal;" + function_back("settlement_reversing_guard()")

# At commit: everything the trade moved has moved back, to the last unit, and nothing else.
POSTED = """
create function settlement_reversal_posted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    one settlement_settlement;
    originals bigint[];
begin
    select * into strict one from settlement_settlement where id = new.settlement_id;
    originals := array(
        select id from settlement_journal where key in ('accrual:' || one.trade_ref, 'delivery:' || one.ref)
    );
    if one.status <> 'reversed' or cardinality(originals) <> 2
        or (select count(*) from settlement_journal where reverses_id = any(originals)) <> 2
        or exists (
            select from settlement_entry as entry
            join settlement_journal as journal on journal.id = entry.journal_id
            where entry.layer = 'P' and coalesce(journal.reverses_id, journal.id) = any(originals)
            group by coalesce(journal.reverses_id, journal.id), entry.account_id having sum(entry.amount) <> 0
        )
        or exists (
            select from settlement_entry as entry
            join settlement_journal as journal on journal.id = entry.journal_id
            where journal.reverses_id = any(originals) and entry.layer <> 'P'
        ) then
        raise exception 'RV05 % is reversed otherwise than it was booked', one.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger posted after insert on settlement_reversal
    deferrable initially deferred for each row execute function settlement_reversal_posted();

create function settlement_reversal_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from settlement_reversal where request_id = new.id) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger reversal_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act = 'fill.reverse')
    execute function settlement_reversal_took_effect();
"""
POSTED_BACK = (
    "drop trigger reversal_took_effect on users_approvalrequest; drop trigger posted on settlement_reversal;"
    + function_back("settlement_reversal_took_effect()", "settlement_reversal_posted()")
)

INITIAL = BY_HAND.INITIAL
BEFORE = BY_HAND.BEFORE | {"blocked": ["approved", "settled_manually", "cancelled"]}


class Migration(migrations.Migration):
    dependencies = [("settlement", "0032_reversals")]
    operations = [
        *append_only("settlement_reversal"),
        migrations.RunSQL(REVERSAL, REVERSAL_BACK),
        migrations.RunSQL(JOURNAL, JOURNAL_BACK),
        migrations.RunSQL(POSTED, POSTED_BACK),
        transitions_changed(
            "settlement_settlement",
            before=(INITIAL, BEFORE),
            after=(INITIAL, BEFORE | {"settled": ["needs_review", "reversed"]}),
        ),
    ]
