"""
A deposit is credited as the bank says, once, to the client it is from; a large one by two people, and so it goes back.

Refusals begin with a code (MN10 ...).
"""

from django.db import migrations

from trading.lib.schema import function_back, never_deleted, only_changes, transitions

PARTY = """
create or replace function settlement_party_of(wanted_ref text) returns bigint language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select coalesce(
        (select counterparty_id from settlement_payoutaddress where ref = wanted_ref),
        (select counterparty_id from settlement_bankaccount where ref = wanted_ref),
        (select client_id from settlement_deposit where ref = wanted_ref)
    )
$$;
"""
PARTY_BACK = """
create or replace function settlement_party_of(wanted_ref text) returns bigint language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select coalesce(
        (select counterparty_id from settlement_payoutaddress where ref = wanted_ref),
        (select counterparty_id from settlement_bankaccount where ref = wanted_ref)
    )
$$;
"""

GUARD = """
create function settlement_deposit_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
    threshold numeric;
begin
    if tg_op = 'INSERT' then
        return new;
    end if;
    if (old.status <> 'announced' or new.status <> 'received')
        and (new.amount, new.bank_reference, new.sender)
            is distinct from (old.amount, old.bank_reference, old.sender) then
        raise exception 'MN10 what the bank says about % does not change', new.ref using errcode = '42501';
    end if;
    if new.status <> old.status and new.status = 'credited' then
        request := users_executed_here('deposit.confirm', new.ref);
        threshold := (users_current_policy('deposit.confirm')).threshold;
        if not coalesce(
            request.payload ->> 'client' = (select ref from users_counterparty where id = new.client_id)
            and (request.payload ->> 'amount')::numeric = new.amount
            and request.payload ->> 'bank_reference' = new.bank_reference, false
        ) and not coalesce(old.status = 'received' and new.amount < threshold, false) then
            raise exception 'MN11 % is credited only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
    end if;
    if new.client_id is distinct from old.client_id
        and not (old.client_id is null and old.status = 'suspense' and new.status = 'credited') then
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
create trigger guard before insert or update on settlement_deposit
    for each row execute function settlement_deposit_guard();

-- Whether the journal of that key moves so many whole units of the asset on an account of this kind and owner.
create function settlement_is_posted(
    wanted_key text, wanted_kind text, owner bigint, wanted_asset text, wanted numeric
) returns boolean language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select exists (
        select from settlement_journal as journal
        join settlement_entry as entry on entry.journal_id = journal.id and entry.layer = 'P'
        join settlement_ledgeraccount as account on account.id = entry.account_id
        join settlement_asset as asset on asset.code = entry.asset_id
        where journal.key = wanted_key and account.kind = wanted_kind and entry.asset_id = wanted_asset
            and account.counterparty_id is not distinct from owner
            and entry.amount = wanted * power(10::numeric, asset.scale)
    )
$$;

create function settlement_deposit_posted() returns trigger language plpgsql
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
        ) then
        raise exception 'MN13 % is % without its journal', new.ref, new.status using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger posted after insert or update of status on settlement_deposit
    deferrable initially deferred for each row execute function settlement_deposit_posted();
"""
GUARD_BACK = (
    "drop trigger posted on settlement_deposit; drop trigger guard on settlement_deposit;"
    + function_back(
        "settlement_deposit_posted()",
        "settlement_is_posted(text, text, bigint, text, numeric)",
        "settlement_deposit_guard()",
    )
)

TOOK_EFFECT = """
create function settlement_deposit_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_deposit where ref = new.subject_ref
            and status = case new.act when 'deposit.confirm' then 'credited' else 'returned' end
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger deposit_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act in ('deposit.confirm', 'deposit.return'))
    execute function settlement_deposit_took_effect();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0008_deposits"), ("users", "0018_second_factor_policy")]
    operations = [
        migrations.RunSQL(PARTY, PARTY_BACK),
        migrations.RunSQL(GUARD, GUARD_BACK),
        migrations.RunSQL(
            TOOK_EFFECT,
            "drop trigger deposit_took_effect on users_approvalrequest;"
            + function_back("settlement_deposit_took_effect()"),
        ),
        transitions(
            "settlement_deposit",
            ["announced", "received", "suspense"],
            {
                "announced": ["received", "cancelled"],
                "received": ["credited"],
                "suspense": ["credited", "returned"],
                "credited": ["returned"],
            },
        ),
        only_changes(
            "settlement_deposit",
            "status",
            "client_id",
            "amount",
            "bank_reference",
            "sender",
            "return_reference",
            "updated_at",
            "credited_at",
        ),
        *never_deleted("settlement_deposit"),
    ]
