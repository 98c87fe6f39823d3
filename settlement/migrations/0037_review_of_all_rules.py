"""
Out of review only by two people, on the chain's word about what was signed: withdrawals and LP payments, too.

Refusals begin with a code (ST10 - ST13), as for settlements.
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import function_back, replaced, transitions_changed

BY_HAND = import_module("settlement.migrations.0018_by_hand_rules")
REVIEW = import_module("settlement.migrations.0020_review_rules")
FOLLOWING = import_module("settlement.migrations.0034_following_final")

CHECK = """
create or replace function settlement_check_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if old.status <> 'asked' then
        raise exception 'ST10 what the chain said to % does not change', new.ref using errcode = '42501';
    end if;
    if new.status = 'verified' and new.kind = 'paid' and not exists (
        select from settlement_due(new.settlement_id, new.withdrawal_id, new.lp_payment_id) as due
        join settlement_payoutaddress as destination on destination.id = due.address_id
        join settlement_wallet as wallet on wallet.id = new.wallet_id and wallet.chain = destination.chain
        where destination.address = new.to_address and due.amount_minor = new.amount_minor
    ) then
        raise exception 'ST10 % is no payment of what it is about', new.ref using errcode = '42501';
    end if;
    return new;
end $$;
"""

# How it ends unpaid: settlements have an act for that anyway.
ENDS = """
create function settlement_ends_by(kind text) returns text language sql immutable
    set search_path = pg_catalog, public, pg_temp as $$
    select case kind when 'settlement' then 'settlement.cancel' else kind || '.give_up' end
$$;
"""

# A payment leaves the review in no other way: not by being followed again, either.
TRANSFER = """
create or replace function settlement_transfer_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    due record;
begin
    select kind, ref into strict due
    from settlement_due(new.settlement_id, new.withdrawal_id, new.lp_payment_id);
    if not (case new.status
        when 'abandoned' then exists (
            select from settlement_paymentcheck as asked
            where (asked.kind, asked.status, asked.transfer_id) = ('void', 'verified', new.id)
                and asked.ref = coalesce(
                    (users_executed_here(due.kind || '.resend', due.ref)).payload ->> 'check',
                    (users_executed_here(settlement_ends_by(due.kind), due.ref)).payload ->> 'check'
                )
        )
        when 'final' then exists (
            select from settlement_paymentcheck as asked
            join settlement_transferattempt as attempt on attempt.tx_hash = asked.transaction
            where (asked.kind, asked.status, attempt.transfer_id) = ('paid', 'verified', new.id)
                and asked.ref = (users_executed_here(due.kind || '.confirm_payment', due.ref)).payload ->> 'check'
        )
        else false
    end) then
        raise exception 'ST13 % is % only by a request that two people carried, on a verified check', new.ref, new.status
            using errcode = '42501';
    end if;
    return new;
end $$;
"""
TRIGGER = """
drop trigger guard on settlement_transfer;
create trigger guard before update of status on settlement_transfer
    for each row when (old.status = 'needs_review' and new.status <> old.status)
    execute function settlement_transfer_guard();
"""
TRIGGER_BACK = """
drop trigger guard on settlement_transfer;
create trigger guard before update of status on settlement_transfer
    for each row when (new.settlement_id is not null and new.status <> old.status)
    execute function settlement_transfer_guard();
"""

OWNER = """
create function settlement_review_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    kind text := tg_argv[0];
    act text := case
        when new.status = 'paying' then kind || '.resend'
        when new.status in ('settled', 'confirmed') then kind || '.confirm_payment'
        else settlement_ends_by(kind)
    end;
begin
    if new.status = 'settled' and to_jsonb(old) ->> 'settled_at' is not null and exists (
        select from settlement_transfer where settlement_id = new.id and status = 'final'
    ) then
        return new; -- a deep reorganisation undid it, and its payment is final again: nothing is delivered by that
    end if;
    if (users_executed_here(act, new.ref)).id is null then
        raise exception 'ST11 % leaves the review only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    if act = settlement_ends_by(kind) and exists (
        select from settlement_transfer where status <> 'abandoned' and (
            kind = 'settlement' and settlement_id = new.id or kind = 'withdrawal' and withdrawal_id = new.id
            or kind = 'lp_payment' and lp_payment_id = new.id
        )
    ) then
        raise exception 'ST12 % may still be paid', new.ref using errcode = '42501';
    end if;
    return new;
end $$;
create trigger review before update of status on settlement_settlement
    for each row when (old.status = 'needs_review' and new.status <> old.status)
    execute function settlement_review_guard('settlement');
create trigger review before update of status on settlement_withdrawal
    for each row when (old.status = 'needs_review' and new.status <> old.status)
    execute function settlement_review_guard('withdrawal');
create trigger review before update of status on settlement_lppayment
    for each row when (old.status = 'needs_review' and new.status <> old.status)
    execute function settlement_review_guard('lp_payment');
"""
OWNER_BACK = (
    "drop trigger review on settlement_lppayment; drop trigger review on settlement_withdrawal;"
    " drop trigger review on settlement_settlement;" + function_back("settlement_review_guard()")
)

TOOK_EFFECT = """
create or replace function settlement_review_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    wanted text := case split_part(new.act, '.', 2)
        when 'resend' then 'paying' when 'give_up' then 'declined'
        else case split_part(new.act, '.', 1) when 'settlement' then 'settled' else 'confirmed' end
    end;
begin
    if not exists (
        select from settlement_settlement where ref = new.subject_ref and status = wanted
        union all select from settlement_withdrawal where ref = new.subject_ref and status = wanted
        union all select from settlement_lppayment where ref = new.subject_ref and status = wanted
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
"""
DECIDED = """
drop trigger review_took_effect on users_approvalrequest;
create constraint trigger review_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row when (new.status = 'executed' and new.act in ({acts}))
    execute function settlement_review_took_effect();
"""
OF_SETTLEMENTS = "'settlement.resend', 'settlement.confirm_payment'"
OF_OTHERS = (
    "'withdrawal.resend', 'withdrawal.confirm_payment', 'withdrawal.give_up',"
    " 'lp_payment.resend', 'lp_payment.confirm_payment', 'lp_payment.give_up'"
)

INITIAL = ["requested"]
OF_WITHDRAWAL = {
    "requested": ["approved", "declined", "cancelled"],
    "approved": ["sent", "paying", "declined"],
    "sent": ["confirmed", "returned"],
    "paying": ["confirmed", "needs_review"],
    "needs_review": ["confirmed"],
    "confirmed": ["returned"],
}
OF_LP_PAYMENT = OF_WITHDRAWAL | {"requested": ["approved", "confirmed", "declined"]}
AFTER_REVIEW = {"needs_review": ["paying", "confirmed", "declined"]}


class Migration(migrations.Migration):
    dependencies = [("settlement", "0036_checks_of_all")]
    operations = [
        replaced(CHECK, BY_HAND.CHECK),
        migrations.RunSQL(ENDS, function_back("settlement_ends_by(text)")),
        replaced(TRANSFER, REVIEW.TRANSFER),
        migrations.RunSQL(TRIGGER, TRIGGER_BACK),
        replaced(BY_HAND.STEPS, FOLLOWING.MADE_AGAIN),  # what it says of the review, the next says of all three
        migrations.RunSQL(OWNER, OWNER_BACK),
        replaced(TOOK_EFFECT, REVIEW.TRANSFER),
        migrations.RunSQL(
            DECIDED.format(acts=f"{OF_SETTLEMENTS}, {OF_OTHERS}"), DECIDED.format(acts=OF_SETTLEMENTS)
        ),
        *(
            transitions_changed(table, before=(INITIAL, before), after=(INITIAL, before | AFTER_REVIEW))
            for table, before in (("settlement_withdrawal", OF_WITHDRAWAL), ("settlement_lppayment", OF_LP_PAYMENT))
        ),
    ]
