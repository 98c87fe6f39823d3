"""
The desk pays an LP what it owes, to an approved destination, by two people's word; what an LP paid is booked by two.

Refusals begin with a code (MN30 ...).
"""

from django.db import migrations

from trading.lib.schema import function_back, never_deleted, only_changes, transitions

PARTY = """
create or replace function settlement_party_of(wanted_ref text) returns bigint language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select coalesce(
        (select counterparty_id from settlement_payoutaddress where ref = wanted_ref),
        (select counterparty_id from settlement_bankaccount where ref = wanted_ref),
        (select client_id from settlement_deposit where ref = wanted_ref),
        (select client_id from settlement_withdrawal where ref = wanted_ref),
        (select client_id from settlement_settlement where ref = wanted_ref)
        %s
    )
$$;
"""
OF_LP_PAYMENTS = ", (select lp_id from settlement_lppayment where ref = wanted_ref)"

# What one side owes the other in whole units: everything posted on the LP's account (what accrued from `until` on is
# left out, payments never), less what is under way in that direction. `but`: the payment that is asked about itself.
OPEN = """
create function settlement_lp_open(
    wanted_lp bigint, wanted_asset text, wanted_direction text, until timestamptz, but bigint
) returns numeric language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select coalesce((
        select -sum(entry.amount) / power(10::numeric, max(asset.scale))
        from settlement_ledgeraccount as account
        join settlement_asset as asset on asset.code = account.asset_id
        join settlement_entry as entry on entry.account_id = account.id and entry.layer = 'P'
        where account.kind = 'lp' and account.counterparty_id = wanted_lp and account.asset_id = wanted_asset
            and (until is null or exists (
                select from settlement_journal as journal where journal.id = entry.journal_id
                    and (journal.created_at < until
                        or journal.kind in ('lp_payment', 'lp_receipt', 'lp_payment_return'))
            ))
    ), 0) * case wanted_direction when 'out' then 1 else -1 end - coalesce((
        select sum(amount) from settlement_lppayment
        where lp_id = wanted_lp and asset_id = wanted_asset and direction = wanted_direction
            and id is distinct from but
            and status in ('requested', 'approved', 'paying', 'needs_review')
    ), 0)
$$;
"""

# One payment at the bank or on chain is booked once, whichever table it is booked in.
BOOKED = """
create function settlement_booked_as(reference text, direction text) returns text language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select ref from settlement_deposit where direction = 'in' and bank_reference = reference
    union all
    select ref from settlement_withdrawal where direction = 'out' and bank_reference = reference
    limit 1
$$;

create function settlement_booked_once() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    wanted text;
    other text;
begin
    if tg_table_name = 'settlement_lppayment' then
        wanted := to_jsonb(new) ->> 'reference';
    else
        wanted := to_jsonb(new) ->> 'bank_reference';
    end if;
    perform pg_advisory_xact_lock(7010, hashtext(wanted));
    if tg_table_name = 'settlement_lppayment' then
        other := settlement_booked_as(wanted, to_jsonb(new) ->> 'direction');
    else
        select ref into other from settlement_lppayment where reference = wanted
            and direction = case tg_table_name when 'settlement_deposit' then 'in' else 'out' end;
    end if;
    if other is not null then
        raise exception 'MN33 the payment % is booked as % already', wanted, other using errcode = '23505';
    end if;
    return new;
end $$;
create trigger booked_once before insert or update of reference on settlement_lppayment
    for each row when (new.reference is not null) execute function settlement_booked_once();
create trigger booked_once before insert or update of bank_reference on settlement_deposit
    for each row when (new.bank_reference is not null) execute function settlement_booked_once();
create trigger booked_once before insert or update of bank_reference on settlement_withdrawal
    for each row when (new.bank_reference is not null) execute function settlement_booked_once();
"""
BOOKED_BACK = (
    "drop trigger booked_once on settlement_withdrawal; drop trigger booked_once on settlement_deposit;"
    "drop trigger booked_once on settlement_lppayment;"
    + function_back("settlement_booked_once()", "settlement_booked_as(text, text)")
)

GUARD = """
create function settlement_lppayment_may_be(new settlement_lppayment) returns void language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from users_counterparty where id = new.lp_id and kind = 'lp') or not exists (
        select from settlement_bankaccount where id = new.account_id and currency_id = new.asset_id
            and counterparty_id is not distinct from case new.direction when 'out' then new.lp_id end
            and approved_at is not null and ended_at is null
        union all
        select from settlement_payoutaddress where id = new.address_id and counterparty_id = new.lp_id
            and new.asset_id = 'USDT' and usable_from <= clock_timestamp() and revoked_at is null
        union all
        select from settlement_wallet as wallet join settlement_ledgeraccount as account
            on account.id = wallet.account_id where wallet.id = new.wallet_id and account.asset_id = new.asset_id
    ) then
        raise exception 'MN30 % goes to no approved destination of its LP, nor to the desk', new.ref
            using errcode = '42501';
    end if;
end $$;

create function settlement_lppayment_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
    is_step boolean := tg_op = 'INSERT' or new.status is distinct from old.status;
    pays boolean := new.direction = 'out' and new.status in ('requested', 'approved', 'sent', 'paying');
begin
    if is_step and pays then
        perform pg_advisory_xact_lock(7031, new.lp_id::integer);
        if new.amount > settlement_lp_open(new.lp_id, new.asset_id, 'out', new.netted_until, new.id) then
            raise exception 'MN37 % is more than the desk owes', new.ref using errcode = '23514';
        end if;
    end if;
    if tg_op = 'INSERT' then
        perform settlement_lppayment_may_be(new);
        if new.reference is not null or new.return_reference is not null or new.received is not null then
            raise exception 'MN33 % is not paid yet', new.ref using errcode = '42501';
        end if;
        return new;
    end if;
    if is_step and new.status = 'approved' then
        perform settlement_lppayment_may_be(new);
        request := users_executed_here('lp_payment.approve', new.ref);
        if not coalesce(
            (request.payload ->> 'amount')::numeric = new.amount and request.payload ->> 'currency' = new.asset_id
            and request.payload ->> 'destination' = coalesce(
                (select ref from settlement_bankaccount where id = new.account_id),
                (select ref from settlement_payoutaddress where id = new.address_id)
            ), false
        ) or new.direction <> 'out' then
            raise exception 'MN31 % goes out only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
    end if;
    if is_step and new.direction = 'in' and new.status = 'confirmed' then
        request := users_executed_here('lp_payment.receive', new.ref);
        if not coalesce(
            (request.payload ->> 'amount')::numeric = new.received and request.payload ->> 'currency' = new.asset_id
            and request.payload ->> 'reference' = new.reference, false
        ) then
            raise exception 'MN32 % is booked only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
    elsif new.received is distinct from old.received then
        raise exception 'MN32 what came for % does not change', new.ref using errcode = '42501';
    elsif new.direction = 'out' and new.status = 'confirmed' and old.status = 'requested' then
        raise exception 'MN31 % goes out only by a request that two people carried', new.ref using errcode = '42501';
    end if;
    if new.reference is distinct from old.reference and (old.reference is not null or not is_step
        or (new.direction, old.status, new.status) not in
            (('out', 'approved', 'sent'), ('in', 'requested', 'confirmed'))) then
        raise exception 'MN33 the payment of % does not change', new.ref using errcode = '42501';
    end if;
    if is_step and new.status = 'returned' then
        request := users_executed_here('lp_payment.return', new.ref);
        if request.payload ->> 'return_reference' is distinct from new.return_reference or new.account_id is null then
            raise exception 'MN34 % comes back only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
    elsif new.return_reference is distinct from old.return_reference then
        raise exception 'MN34 % has not come back', new.ref using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert or update on settlement_lppayment
    for each row execute function settlement_lppayment_guard();

create function settlement_lppayment_posted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if new.status in ('sent', 'confirmed', 'returned') and new.direction = 'out' and not settlement_is_posted(
            'lp-payment:' || new.ref, 'lp', new.lp_id, new.asset_id, new.amount
        ) or new.status = 'confirmed' and new.direction = 'in' and not settlement_is_posted(
            'lp-receipt:' || new.ref, 'lp', new.lp_id, new.asset_id, -new.received
        ) or new.status = 'returned' and not settlement_is_posted(
            'lp-payment-return:' || new.ref, 'lp', new.lp_id, new.asset_id, -new.amount
        ) then
        raise exception 'MN35 % is % without its journal', new.ref, new.status using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger posted after insert or update of status on settlement_lppayment
    deferrable initially deferred for each row execute function settlement_lppayment_posted();
"""
GUARD_BACK = (
    "drop trigger posted on settlement_lppayment; drop trigger guard on settlement_lppayment;"
    + function_back(
        "settlement_lppayment_posted()",
        "settlement_lppayment_guard()",
        "settlement_lppayment_may_be(settlement_lppayment)",
    )
)

# A transfer of an LP payment pays what was approved, to where it was approved.
TRANSFER = """
create function settlement_transfer_of_lp_payment() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_lppayment as one
        join settlement_payoutaddress as address on address.id = one.address_id
        join settlement_asset as asset on asset.code = one.asset_id
        where one.id = new.lp_payment_id and one.status in ('approved', 'needs_review')
            and address.address = new.to_address and address.revoked_at is null
            and one.amount * power(10::numeric, asset.scale) = new.amount_minor
    ) then
        raise exception 'MN36 this is not what two people approved' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger of_lp_payment before insert on settlement_transfer
    for each row when (new.lp_payment_id is not null) execute function settlement_transfer_of_lp_payment();
"""

TOOK_EFFECT = """
create function settlement_lppayment_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_lppayment where ref = new.subject_ref and status = case new.act
            when 'lp_payment.approve' then 'approved' when 'lp_payment.receive' then 'confirmed' else 'returned' end
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger lp_payment_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act in ('lp_payment.approve', 'lp_payment.receive', 'lp_payment.return'))
    execute function settlement_lppayment_took_effect();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0014_lp_payments")]
    operations = [
        migrations.RunSQL(PARTY % OF_LP_PAYMENTS, PARTY % ""),
        migrations.RunSQL(OPEN, function_back("settlement_lp_open(bigint, text, text, timestamptz, bigint)")),
        migrations.RunSQL(BOOKED, BOOKED_BACK),
        migrations.RunSQL(GUARD, GUARD_BACK),
        migrations.RunSQL(
            TRANSFER,
            "drop trigger of_lp_payment on settlement_transfer;"
            + function_back("settlement_transfer_of_lp_payment()"),
        ),
        migrations.RunSQL(
            TOOK_EFFECT,
            "drop trigger lp_payment_took_effect on users_approvalrequest;"
            + function_back("settlement_lppayment_took_effect()"),
        ),
        transitions(
            "settlement_lppayment",
            ["requested"],
            {
                "requested": ["approved", "confirmed", "declined"],
                "approved": ["sent", "paying", "declined"],
                "sent": ["confirmed", "returned"],
                "paying": ["confirmed", "needs_review"],
                "needs_review": ["confirmed"],
                "confirmed": ["returned"],
            },
        ),
        only_changes(
            "settlement_lppayment",
            "status",
            "received",
            "reason",
            "detail",
            "reference",
            "return_reference",
            "updated_at",
            "sent_at",
        ),
        *never_deleted("settlement_lppayment"),
    ]
