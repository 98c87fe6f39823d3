"""
Out of review only by two people, on the chain's word about what was signed.

Refusals begin with a code (ST11 ...).
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import function_back, replaced

BY_HAND = import_module("settlement.migrations.0018_by_hand_rules").STEPS
LAST = """    return new;
end $$;
"""
REVIEWED = """    if was = 'needs_review' and new.status in ('paying', 'settled')
        and (users_executed_here(
            case new.status when 'paying' then 'settlement.resend' else 'settlement.confirm_payment' end, new.ref
        )).id is null then
        raise exception 'ST11 % leaves the review only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    if was = 'needs_review' and new.status = 'cancelled' and exists (
        select from settlement_transfer where settlement_id = new.id and status <> 'abandoned'
    ) then
        raise exception 'ST12 % may still be paid', new.ref using errcode = '42501';
    end if;
"""
STEPS = BY_HAND.removesuffix(LAST) + REVIEWED + LAST

# A payment of a trade is given up, or taken as made after all, only on a verified check that two people signed.
TRANSFER = """
create function settlement_transfer_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    owner text := (select ref from settlement_settlement where id = new.settlement_id);
begin
    if new.status = 'abandoned' and not exists (
        select from settlement_paymentcheck as asked
        where (asked.kind, asked.status, asked.transfer_id) = ('void', 'verified', new.id)
            and asked.ref = coalesce(
                (users_executed_here('settlement.resend', owner)).payload ->> 'check',
                (users_executed_here('settlement.cancel', owner)).payload ->> 'check'
            )
    ) or new.status = 'final' and old.status = 'needs_review' and not exists (
        select from settlement_paymentcheck as asked
        join settlement_transferattempt as attempt on attempt.tx_hash = asked.transaction
        where (asked.kind, asked.status, attempt.transfer_id) = ('paid', 'verified', new.id)
            and asked.ref = (users_executed_here('settlement.confirm_payment', owner)).payload ->> 'check'
    ) then
        raise exception 'ST13 % is % only by a request that two people carried, on a verified check', new.ref, new.status
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before update of status on settlement_transfer
    for each row when (new.settlement_id is not null and new.status <> old.status)
    execute function settlement_transfer_guard();

create function settlement_review_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_settlement where ref = new.subject_ref
            and status = case new.act when 'settlement.resend' then 'paying' else 'settled' end
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger review_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act in ('settlement.resend', 'settlement.confirm_payment'))
    execute function settlement_review_took_effect();
"""
TRANSFER_BACK = (
    "drop trigger review_took_effect on users_approvalrequest; drop trigger guard on settlement_transfer;"
    + function_back("settlement_review_took_effect()", "settlement_transfer_guard()")
)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0019_destination_keys")]
    operations = [replaced(STEPS, BY_HAND), migrations.RunSQL(TRANSFER, TRANSFER_BACK)]
