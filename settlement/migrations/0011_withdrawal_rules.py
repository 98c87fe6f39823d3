"""
A withdrawal goes to an approved destination of its client, held from the request on, and leaves by two people's word.

Refusals begin with a code (MN20 ...).
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
        %s
    )
$$;
"""
OF_WITHDRAWALS = ", (select client_id from settlement_withdrawal where ref = wanted_ref)"

GUARD = """
create function settlement_withdrawal_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
begin
    if tg_op = 'INSERT' then
        perform settlement_withdrawal_may_be(new);
        return new;
    end if;
    if new.status <> old.status and new.status = 'approved' then
        request := users_executed_here('withdrawal.approve', new.ref);
        if not coalesce(
            (request.payload ->> 'amount')::numeric = new.amount and request.payload ->> 'currency' = new.asset_id
            and request.payload ->> 'destination' = coalesce(
                (select ref from settlement_bankaccount where id = new.account_id),
                (select ref from settlement_payoutaddress where id = new.address_id)
            ), false
        ) then
            raise exception 'MN22 % goes out only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
    end if;
    if new.bank_reference is distinct from old.bank_reference
        and (old.status <> 'approved' or new.status <> 'sent' or old.bank_reference is not null) then
        raise exception 'MN23 the payment of % does not change', new.ref using errcode = '42501';
    end if;
    if new.status <> old.status and new.status = 'returned' then
        request := users_executed_here('withdrawal.return', new.ref);
        if request.payload ->> 'return_reference' is distinct from new.return_reference then
            raise exception 'MN24 % comes back only by a request that two people carried', new.ref
                using errcode = '42501';
        end if;
    elsif new.return_reference is distinct from old.return_reference then
        raise exception 'MN24 % has not come back', new.ref using errcode = '42501';
    end if;
    return new;
end $$;

create function settlement_withdrawal_may_be(new settlement_withdrawal) returns void language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_bankaccount where id = new.account_id and counterparty_id = new.client_id
            and currency_id = new.asset_id and approved_at is not null and ended_at is null
        union all
        select from settlement_payoutaddress where id = new.address_id and counterparty_id = new.client_id
            and new.asset_id = 'USDT' and usable_from <= clock_timestamp() and revoked_at is null
    ) then
        raise exception 'MN20 % goes to no approved destination of its client', new.ref using errcode = '42501';
    end if;
    if exists (select from users_counterparty where id = new.client_id and status <> 'active')
        or not exists (
            select from users_user where id = new.requested_by_id and counterparty_id = new.client_id
                and status = 'active'
        ) or exists (
            select from users_telegramlink where user_id = new.requested_by_id and ended_at is null
                and withdrawals_from > clock_timestamp()
        ) then
        raise exception 'MN21 % may not be asked for now by this login', new.ref using errcode = '42501';
    end if;
end $$;
create trigger guard before insert or update on settlement_withdrawal
    for each row execute function settlement_withdrawal_guard();

create function settlement_withdrawal_posted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    sent text := 'withdrawal-sent:' || new.ref;
    total numeric := new.amount + new.fee;
    held numeric := (
        select coalesce(sum(entry.amount), 0) / power(10::numeric, max(asset.scale))
        from settlement_journal as journal
        join settlement_entry as entry on entry.journal_id = journal.id and entry.layer = 'H'
        join settlement_ledgeraccount as account on account.id = entry.account_id
        join settlement_asset as asset on asset.code = entry.asset_id
        where journal.key in ('withdrawal-hold:' || new.ref, 'withdrawal-release:' || new.ref, sent)
            and account.kind = 'client' and account.counterparty_id = new.client_id and entry.asset_id = new.asset_id
    );
    wanted numeric := case
        when new.status in ('requested', 'approved', 'paying', 'needs_review') then -total else 0
    end;
begin
    if held is distinct from wanted
        or new.status in ('sent', 'confirmed', 'returned')
            and not settlement_is_posted(sent, 'client', new.client_id, new.asset_id, total)
        or new.status = 'returned' and not settlement_is_posted(
            'withdrawal-return:' || new.ref, 'client', new.client_id, new.asset_id, -new.amount
        ) then
        raise exception 'MN25 % is % without its journal', new.ref, new.status using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger posted after insert or update of status on settlement_withdrawal
    deferrable initially deferred for each row execute function settlement_withdrawal_posted();
"""
GUARD_BACK = (
    "drop trigger posted on settlement_withdrawal; drop trigger guard on settlement_withdrawal;"
    + function_back(
        "settlement_withdrawal_posted()",
        "settlement_withdrawal_guard()",
        "settlement_withdrawal_may_be(settlement_withdrawal)",
    )
)

# A transfer of a withdrawal pays what was approved, to where it was approved.
TRANSFER = """
create function settlement_transfer_of_withdrawal() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_withdrawal as one
        join settlement_payoutaddress as address on address.id = one.address_id
        join settlement_asset as asset on asset.code = one.asset_id
        where one.id = new.withdrawal_id and one.status in ('approved', 'needs_review')
            and address.address = new.to_address and address.revoked_at is null
            and one.amount * power(10::numeric, asset.scale) = new.amount_minor
    ) then
        raise exception 'MN26 this is not what two people approved' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger of_withdrawal before insert on settlement_transfer
    for each row when (new.withdrawal_id is not null) execute function settlement_transfer_of_withdrawal();
"""

TOOK_EFFECT = """
create function settlement_withdrawal_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_withdrawal where ref = new.subject_ref
            and status = case new.act when 'withdrawal.approve' then 'approved' else 'returned' end
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger withdrawal_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act in ('withdrawal.approve', 'withdrawal.return'))
    execute function settlement_withdrawal_took_effect();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0010_withdrawals"), ("users", "0018_second_factor_policy")]
    operations = [
        migrations.RunSQL(PARTY % OF_WITHDRAWALS, PARTY % ""),
        migrations.RunSQL(GUARD, GUARD_BACK),
        migrations.RunSQL(
            TRANSFER,
            "drop trigger of_withdrawal on settlement_transfer;"
            + function_back("settlement_transfer_of_withdrawal()"),
        ),
        migrations.RunSQL(
            TOOK_EFFECT,
            "drop trigger withdrawal_took_effect on users_approvalrequest;"
            + function_back("settlement_withdrawal_took_effect()"),
        ),
        transitions(
            "settlement_withdrawal",
            ["requested"],
            {
                "requested": ["approved", "declined", "cancelled"],
                "approved": ["sent", "paying", "declined"],
                "sent": ["confirmed", "returned"],
                "paying": ["confirmed", "needs_review"],
                "needs_review": ["confirmed"],
                "confirmed": ["returned"],
            },
        ),
        only_changes(
            "settlement_withdrawal",
            "status",
            "reason",
            "detail",
            "bank_reference",
            "return_reference",
            "updated_at",
            "sent_at",
        ),
        *never_deleted("settlement_withdrawal"),
    ]
