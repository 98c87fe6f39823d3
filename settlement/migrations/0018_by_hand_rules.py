"""
A settlement is settled by hand by two people only, with a payment that paid it and nothing else.

Refusals begin with a code (ST02, ST03, ST06 ...).
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import (
    append_only,
    function_back,
    never_deleted,
    only_changes,
    replaced,
    transitions,
    transitions_changed,
)

RELEASING = import_module("settlement.migrations.0013_releasing_rules").STEPS

# What the chain said stands as it was said, and what it confirms is what this settlement pays.
CHECK = """
create function settlement_check_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if old.status <> 'asked' then
        raise exception 'ST10 what the chain said to % does not change', new.ref using errcode = '42501';
    end if;
    if new.status = 'verified' and new.kind = 'paid' and not exists (
        select from settlement_settlement as one
        join settlement_payoutaddress as destination on destination.id = one.destination_id
        join settlement_wallet as wallet on wallet.id = new.wallet_id and wallet.chain = destination.chain
        where one.id = new.settlement_id and destination.address = new.to_address
            and one.base_amount * power(10::numeric, (select scale from settlement_asset where code = 'USDT'))
                = new.amount_minor
    ) then
        raise exception 'ST10 % is no payment of its settlement', new.ref using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before update on settlement_paymentcheck
    for each row execute function settlement_check_guard();
"""

# Where a transaction's id or a bank's reference has paid something; a lock per reference makes that certain.
USED = """
create function settlement_reference_used(wanted text) returns text language plpgsql volatile
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform pg_advisory_xact_lock(7004, hashtext(wanted));
    return (
        select transfer.ref from settlement_transferattempt as attempt
        join settlement_transfer as transfer on transfer.id = attempt.transfer_id where attempt.tx_hash = wanted
        union all select ref from settlement_deposit where bank_reference = wanted or return_reference = wanted
        union all select ref from settlement_withdrawal where bank_reference = wanted or return_reference = wanted
        union all select ref from settlement_lppayment where reference = wanted or return_reference = wanted
        union all select one.ref from settlement_manualpayment as payment
            join settlement_settlement as one on one.id = payment.settlement_id where payment.reference = wanted
        limit 1
    );
end $$;

create function settlement_not_paid_by_hand() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    given text;
begin
    for given in select value from jsonb_each_text(to_jsonb(new))
        where key = any(array['bank_reference', 'return_reference', 'reference', 'tx_hash']) and value is not null loop
        perform pg_advisory_xact_lock(7004, hashtext(given));
        if exists (select from settlement_manualpayment where reference = given) then
            raise exception 'ST08 % has settled a trade by hand', given using errcode = '23505';
        end if;
    end loop;
    return new;
end $$;
create trigger not_by_hand before insert or update of bank_reference, return_reference on settlement_deposit
    for each row execute function settlement_not_paid_by_hand();
create trigger not_by_hand before update of bank_reference, return_reference on settlement_withdrawal
    for each row execute function settlement_not_paid_by_hand();
create trigger not_by_hand before insert or update of reference, return_reference on settlement_lppayment
    for each row execute function settlement_not_paid_by_hand();
create trigger not_by_hand before insert on settlement_transferattempt
    for each row execute function settlement_not_paid_by_hand();
"""
USED_BACK = (
    "drop trigger not_by_hand on settlement_deposit; drop trigger not_by_hand on settlement_withdrawal;"
    " drop trigger not_by_hand on settlement_lppayment;"
    " drop trigger not_by_hand on settlement_transferattempt;"
    + function_back("settlement_not_paid_by_hand()", "settlement_reference_used(text)")
)

PAYMENT = """
create function settlement_payment_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    one settlement_settlement;
    request users_approvalrequest;
    used text;
begin
    select * into strict one from settlement_settlement where id = new.settlement_id;
    request := users_executed_here('settlement.settle_manually', one.ref);
    if request.id is null then
        raise exception 'ST06 % is settled by hand only by a request that two people carried', one.ref
            using errcode = '42501';
    end if;
    if not exists (
        select from settlement_paymentcheck as asked
        where asked.id = new.check_made_id and asked.settlement_id = one.id
            and (asked.kind, asked.status, asked.transaction) = ('paid', 'verified', new.reference)
            and request.payload = jsonb_build_object('check', asked.ref, 'transaction', new.reference)
        union all
        select from settlement_bankaccount as account
        where account.id = new.account_id and one.side = 'sell'
            and (account.counterparty_id, account.currency_id) = (one.client_id, one.quote_asset_id)
            and account.approved_at is not null and account.ended_at is null
            and request.payload = jsonb_build_object('account', account.ref, 'bank_reference', new.reference)
    ) then
        raise exception 'ST07 % is not the payment that two people agreed on', new.reference using errcode = '42501';
    end if;
    used := settlement_reference_used(new.reference);
    if used is not null then
        raise exception 'ST08 % has paid % already', new.reference, used using errcode = '23505';
    end if;
    new.request_id := request.id;
    new.made_at := clock_timestamp();
    return new;
end $$;
create trigger guard before insert on settlement_manualpayment
    for each row execute function settlement_payment_guard();
"""

# As before, and: settled by hand needs the request, and the payment of it.
STEPS = """
create or replace function settlement_step_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    threshold numeric := (select release_threshold from settlement_settlementpolicy order by version desc limit 1);
    was text := case when tg_op = 'UPDATE' then old.status else '' end;
    is_large boolean := new.base_amount >= threshold;
begin
    if new.is_released is distinct from (tg_op = 'UPDATE' and old.is_released)
        and not (was in ('flagged_off', 'awaiting_approval') and new.status = 'approved') then
        raise exception 'ST01 % is released only on its way from waiting to approved', new.ref
            using errcode = '42501';
    end if;
    if was = new.status then
        return new;
    end if;
    if new.status = 'cancelled' and (users_executed_here('settlement.cancel', new.ref)).id is null then
        raise exception 'ST02 % is cancelled only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    if new.status = 'approved' and was <> 'blocked' and (is_large or was = 'awaiting_approval')
        and (users_executed_here('settlement.release', new.ref)).id is null then
        raise exception 'ST03 % is released only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    if new.status = 'settled_manually' and not exists (
        select from settlement_manualpayment
        where settlement_id = new.id
            and request_id = (users_executed_here('settlement.settle_manually', new.ref)).id
    ) then
        raise exception 'ST06 % is settled by hand only by a request that two people carried', new.ref
            using errcode = '42501';
    end if;
    return new;
end $$;
"""

# At commit: what was paid by hand is settled and booked; a decision that came to nothing does not stand.
POSTED = """
create function settlement_by_hand_posted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    one settlement_settlement;
    key text;
begin
    select * into strict one from settlement_settlement where id = new.settlement_id;
    key := 'delivery:' || one.ref;
    if one.status <> 'settled_manually'
        or one.side = 'buy' and not (
            settlement_is_posted(key, 'client', one.client_id, one.quote_asset_id, one.quote_amount)
            and settlement_is_posted(key, 'hot', null, 'USDT', -one.base_amount)
        )
        or one.side = 'sell' and not (
            settlement_is_posted(key, 'client', one.client_id, 'USDT', one.base_amount)
            and settlement_is_posted(key, 'bank', null, one.quote_asset_id, -one.quote_amount)
        ) then
        raise exception 'ST09 % is settled by hand without its journal', one.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger posted after insert on settlement_manualpayment
    deferrable initially deferred for each row execute function settlement_by_hand_posted();

create function settlement_by_hand_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from settlement_manualpayment where request_id = new.id) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger by_hand_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act = 'settlement.settle_manually')
    execute function settlement_by_hand_took_effect();
"""
POSTED_BACK = (
    "drop trigger by_hand_took_effect on users_approvalrequest; drop trigger posted on settlement_manualpayment;"
    + function_back("settlement_by_hand_took_effect()", "settlement_by_hand_posted()")
)

INITIAL = ["awaiting_funds", "flagged_off", "awaiting_approval", "approved"]
BEFORE = {
    "awaiting_funds": ["flagged_off", "awaiting_approval", "approved", "cancelled"],
    "flagged_off": ["approved", "awaiting_approval", "settled_manually", "cancelled"],
    "awaiting_approval": ["approved", "flagged_off", "cancelled"],
    "approved": ["paying", "settled", "flagged_off", "blocked", "cancelled"],
    "blocked": ["approved", "cancelled"],
    "paying": ["settled", "needs_review"],
    "needs_review": ["paying", "settled", "cancelled"],
    "settled": ["needs_review"],
}


class Migration(migrations.Migration):
    dependencies = [("settlement", "0017_by_hand")]
    operations = [
        transitions("settlement_paymentcheck", ["asked"], {"asked": ["verified", "refused"]}),
        only_changes(
            "settlement_paymentcheck",
            "status",
            "reason",
            "transaction",
            "wallet_id",
            "to_address",
            "amount_minor",
            "nonce",
            "block_number",
            "confirmations",
            "updated_at",
        ),
        *never_deleted("settlement_paymentcheck"),
        *append_only("settlement_manualpayment"),
        migrations.RunSQL(
            CHECK, "drop trigger guard on settlement_paymentcheck;" + function_back("settlement_check_guard()")
        ),
        migrations.RunSQL(USED, USED_BACK),
        migrations.RunSQL(
            PAYMENT, "drop trigger guard on settlement_manualpayment;" + function_back("settlement_payment_guard()")
        ),
        replaced(STEPS, RELEASING),
        migrations.RunSQL(POSTED, POSTED_BACK),
        transitions_changed(
            "settlement_settlement",
            before=(INITIAL, BEFORE),
            after=(INITIAL, BEFORE | {"blocked": ["approved", "settled_manually", "cancelled"]}),
        ),
    ]
