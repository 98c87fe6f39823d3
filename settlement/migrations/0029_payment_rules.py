"""
A transfer pays what was agreed, whatever it pays for; what a client withdraws in a day is counted one after the other.

Refusals begin with a code (ST14, MN26, MN27, MN36).
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import function_back, replaced

WITHDRAWAL = import_module("settlement.migrations.0011_withdrawal_rules").TRANSFER
LP_PAYMENT = import_module("settlement.migrations.0015_lp_payment_rules").TRANSFER
WITHIN_BEFORE = import_module("settlement.migrations.0025_withdrawal_policy_rules").WITHIN

# What a transfer, or a question about one, is about: exactly one of the three.
DUE = """
create function settlement_due(
    settlement bigint, withdrawal bigint, lp_payment bigint,
    out kind text, out ref text, out status text, out address_id bigint, out amount_minor numeric
) language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select one.kind, one.ref, one.status, one.address_id, one.amount * power(10::numeric, asset.scale)
    from (
        select 'settlement' as kind, ref, status, destination_id as address_id, base_amount as amount
        from settlement_settlement where id = settlement
        union all
        select 'withdrawal', ref, status, address_id, amount from settlement_withdrawal where id = withdrawal
        union all
        select 'lp_payment', ref, status, address_id, amount from settlement_lppayment where id = lp_payment
    ) as one
    join settlement_asset as asset on asset.code = 'USDT'
$$;
"""

# Signed while it is approved, or, after people gave a payment of it up, while it is being paid.
PAYS = """
create function settlement_transfer_pays() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_due(new.settlement_id, new.withdrawal_id, new.lp_payment_id) as due
        join settlement_payoutaddress as address on address.id = due.address_id
        join settlement_wallet as wallet on wallet.id = new.wallet_id and wallet.chain = address.chain
        where due.status in ('approved', 'paying') and due.amount_minor = new.amount_minor
            and address.address = new.to_address and address.revoked_at is null
    ) then
        raise exception '% this is not what was agreed', case
            when new.settlement_id is not null then 'ST14' when new.withdrawal_id is not null then 'MN26' else 'MN36'
        end using errcode = '42501';
    end if;
    return new;
end $$;
create trigger pays before insert on settlement_transfer
    for each row execute function settlement_transfer_pays();
"""
BEFORE_BACK = (
    "drop trigger of_withdrawal on settlement_transfer; drop trigger of_lp_payment on settlement_transfer;"
    + function_back("settlement_transfer_of_withdrawal()", "settlement_transfer_of_lp_payment()")
)

# One insert after the other for each client, each on what stands by then, at the time it is by the database's clock.
WITHIN = """
create or replace function settlement_withdrawal_within() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    policy settlement_withdrawalpolicy;
    fee numeric := 0;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'MN27 limits are judged on what stands now: read committed only' using errcode = '25001';
    end if;
    perform pg_advisory_xact_lock(7032, new.client_id::integer);
    new.created_at := clock_timestamp();
    select * into strict policy from settlement_withdrawalpolicy order by version desc limit 1;
    if new.address_id is not null then
        select coalesce((policy.fees ->> address.chain)::numeric, 0) into fee
        from settlement_payoutaddress as address where address.id = new.address_id;
    end if;
    if new.fee is distinct from fee or new.amount > policy.largest or new.amount + coalesce((
        select sum(amount) from settlement_withdrawal
        where client_id = new.client_id and asset_id = new.asset_id and status not in ('declined', 'cancelled', 'returned')
            and created_at > new.created_at - interval '24 hours'
    ), 0) > policy.daily then
        raise exception 'MN27 % is beyond the limits of withdrawals, or has another fee', new.ref
            using errcode = '42501';
    end if;
    return new;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0028_adjust_sums")]
    operations = [
        migrations.RunSQL(DUE, function_back("settlement_due(bigint, bigint, bigint)")),
        migrations.RunSQL(BEFORE_BACK, WITHDRAWAL + LP_PAYMENT),
        migrations.RunSQL(
            PAYS, "drop trigger pays on settlement_transfer;" + function_back("settlement_transfer_pays()")
        ),
        replaced(WITHIN, WITHIN_BEFORE),
    ]
