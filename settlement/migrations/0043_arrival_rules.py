"""
USDT is a deposit once its block is final, once for each transfer, for who owns the address it came from; else for two.

Refusals begin with a code (MN10, MN11, MN13, MN38, MN39).
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import function_back, never_deleted, only_changes_changed, replaced, transitions_changed

BEFORE = import_module("settlement.migrations.0009_deposit_rules").GUARD

# The client whose approved address it is, if it is one client's and nobody else's.
OWNER = """
create function settlement_owner_of(wanted_chain text, wanted_address text) returns bigint language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select case when count(distinct party.id) = 1 and bool_and(party.kind = 'client') then min(party.id) end
    from settlement_payoutaddress as address join users_counterparty as party on party.id = address.counterparty_id
    where address.chain = wanted_chain and address.address = wanted_address
        and address.approved_at is not null and address.revoked_at is null
$$;

-- Whether an LP payment has the transfer; of equal ones in a transaction it has one, which is left out.
create function settlement_is_of_lp(arrival settlement_deposit) returns boolean language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select exists (
        select from settlement_lppayment where direction = 'in' and status = 'confirmed'
            and (wallet_id, received) = (arrival.wallet_id, arrival.amount)
            and lower(right(reference, 64)) = lower(right(arrival.tx_hash, 64))
    ) and not exists (
        select from settlement_deposit as other where other.id <> arrival.id and other.status = 'left_out'
            and (other.wallet_id, other.tx_hash, other.amount) = (arrival.wallet_id, arrival.tx_hash, arrival.amount)
    )
$$;
"""

GUARD = """
create or replace function settlement_deposit_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
    threshold numeric;
    is_right boolean;
begin
    if tg_op = 'INSERT' then
        if new.wallet_id is not null and (new.status, new.asset_id) is distinct from ('seen', (
            select account.asset_id from settlement_wallet as wallet
            join settlement_ledgeraccount as account on account.id = wallet.account_id where wallet.id = new.wallet_id
        )) then
            raise exception 'MN38 % begins as what was seen at its wallet', new.ref using errcode = '42501';
        end if;
        return new;
    end if;
    if (old.status <> 'announced' or new.status <> 'received')
        and (new.amount, new.bank_reference, new.sender)
            is distinct from (old.amount, old.bank_reference, old.sender)
        or old.status not in ('seen', 'gone')
        and (new.block_number, new.log_index, new.final_at)
            is distinct from (old.block_number, old.log_index, old.final_at) then
        raise exception 'MN10 what the bank or the chain says about % does not change', new.ref
            using errcode = '42501';
    end if;
    if new.wallet_id is not null and new.status <> old.status then
        perform pg_advisory_xact_lock(7038, hashtext(lower(right(new.tx_hash, 64))));
        if new.status in ('credited', 'suspense', 'left_out') and not exists (
            select from settlement_arrivalwatch where wallet_id = new.wallet_id
                and new.block_number > first and new.block_number <= last
        ) then
            raise exception 'MN38 % is in no block that is final', new.ref using errcode = '42501';
        end if;
        if new.status in ('credited', 'suspense') and settlement_is_of_lp(new) then
            raise exception 'MN39 % is what an LP paid', new.ref using errcode = '42501';
        end if;
    end if;
    if new.status <> old.status and new.status = 'credited' then
        request := users_executed_here('deposit.confirm', new.ref);
        threshold := (users_current_policy('deposit.confirm')).threshold;
        is_right := request.payload ->> 'client' = (select ref from users_counterparty where id = new.client_id)
            and (request.payload ->> 'amount')::numeric = new.amount;
        if new.wallet_id is not null then
            is_right := coalesce(is_right and request.payload ->> 'transaction' = new.tx_hash, false)
                or coalesce(old.status = 'seen' and new.client_id = settlement_owner_of(
                    (select chain from settlement_wallet where id = new.wallet_id), new.sender
                ), false);
        else
            is_right := coalesce(is_right and request.payload ->> 'bank_reference' = new.bank_reference, false)
                or coalesce(old.status = 'received' and new.amount < threshold, false);
        end if;
        if not is_right then
            raise exception 'MN11 % is credited only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
    end if;
    if new.client_id is distinct from old.client_id
        and not (old.client_id is null and old.status in ('suspense', 'seen') and new.status = 'credited') then
        raise exception 'MN10 whose % is does not change', new.ref using errcode = '42501';
    end if;
    if new.status <> old.status and new.status = 'returned' then
        request := users_executed_here('deposit.return', new.ref);
        if request.payload ->> 'return_reference' is distinct from new.return_reference then
            raise exception 'MN12 % goes back only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
    elsif new.return_reference is distinct from old.return_reference then
        raise exception 'MN12 % has not gone back', new.ref using errcode = '42501';
    end if;
    return new;
end $$;

create or replace function settlement_deposit_posted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    kind text := case when new.client_id is null then 'suspense' else 'client' end;
begin
    if new.status = 'suspense' and not settlement_is_posted(
            'deposit-suspense:' || new.ref, 'suspense', null, new.asset_id, -new.amount
        ) or new.status = 'credited' and not settlement_is_posted(
            'deposit:' || new.ref, 'client', new.client_id, new.asset_id, -new.amount
        ) or new.status = 'returned' and not settlement_is_posted(
            'deposit-return:' || new.ref, kind, new.client_id, new.asset_id, new.amount
        ) or new.wallet_id is not null and new.status in ('suspense', 'credited') and not exists (
            select from settlement_journal as journal
            join settlement_entry as entry on entry.journal_id = journal.id and entry.layer = 'P'
            join settlement_wallet as wallet on wallet.id = new.wallet_id and wallet.account_id = entry.account_id
            join settlement_asset as asset on asset.code = new.asset_id
            where journal.key in ('deposit:' || new.ref, 'deposit-suspense:' || new.ref)
                and entry.amount = new.amount * power(10::numeric, asset.scale)
        ) or new.status = 'left_out' and tg_op = 'UPDATE' and old.status = 'suspense' and not settlement_is_posted(
            'deposit-left-out:' || new.ref, 'suspense', null, new.asset_id, new.amount
        ) then
        raise exception 'MN13 % is % without its journal', new.ref, new.status using errcode = '23514';
    end if;
    if new.status = 'left_out' and not (case new.reason
        when 'own_wallet' then old.status = 'seen' and exists (
            select from settlement_wallet as own join settlement_wallet as wallet on wallet.chain = own.chain
            where wallet.id = new.wallet_id and own.address = new.sender
        )
        when 'lp_payment' then settlement_is_of_lp(new)
        else false
    end) then
        raise exception 'MN39 % is neither what an LP paid nor from a wallet of the desk', new.ref
            using errcode = '42501';
    end if;
    return null;
end $$;
"""

# What an LP paid is no deposit, or no more.
LP_PAYMENT = """
create function settlement_lppayment_arrived() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform pg_advisory_xact_lock(7038, hashtext(lower(right(new.reference, 64))));
    if exists (
        select from settlement_deposit as arrival where arrival.status in ('credited', 'suspense', 'returned')
            and (arrival.wallet_id, arrival.amount) = (new.wallet_id, new.received)
            and lower(right(arrival.tx_hash, 64)) = lower(right(new.reference, 64))
            and settlement_is_of_lp(arrival)
    ) then
        raise exception 'MN39 what % is about is booked as a deposit', new.ref using errcode = '42501';
    end if;
    return null;
end $$;
create trigger arrived after update of status on settlement_lppayment for each row
    when (new.status = 'confirmed' and new.direction = 'in' and new.wallet_id is not null)
    execute function settlement_lppayment_arrived();
"""

# How far a chain was read never goes back: what is final stays so.
WATCH = """
create function settlement_watch_guard() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if new.last < old.last then
        raise exception 'MN38 what was read of a chain is not unread' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before update on settlement_arrivalwatch
    for each row execute function settlement_watch_guard();
"""

STATES = (
    ["announced", "received", "suspense"],
    {
        "announced": ["received", "cancelled"],
        "received": ["credited"],
        "suspense": ["credited", "returned"],
        "credited": ["returned"],
    },
)
WITH_CHAIN = (
    [*STATES[0], "seen"],
    {
        **STATES[1],
        "suspense": ["credited", "returned", "left_out"],
        "seen": ["credited", "suspense", "gone", "left_out"],
        "gone": ["seen"],
    },
)
CHANGES = (
    "status",
    "client_id",
    "amount",
    "bank_reference",
    "sender",
    "return_reference",
    "updated_at",
    "credited_at",
)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0042_arrivals")]
    operations = [
        migrations.RunSQL(
            OWNER,
            function_back("settlement_is_of_lp(settlement_deposit)", "settlement_owner_of(text, text)"),
        ),
        replaced(GUARD, BEFORE),
        migrations.RunSQL(
            LP_PAYMENT,
            "drop trigger arrived on settlement_lppayment;" + function_back("settlement_lppayment_arrived()"),
        ),
        migrations.RunSQL(
            WATCH, "drop trigger guard on settlement_arrivalwatch;" + function_back("settlement_watch_guard()")
        ),
        transitions_changed("settlement_deposit", before=STATES, after=WITH_CHAIN),
        only_changes_changed(
            "settlement_deposit",
            before=CHANGES,
            after=(*CHANGES, "block_number", "log_index", "final_at", "reason"),
        ),
        *never_deleted("settlement_arrivalwatch"),
    ]
