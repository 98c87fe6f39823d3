"""
A paused wallet pays again only by two people; its nonces go forward one by one, unless two people took the chain's word.

Refusals begin with a code (ST14 ...).
"""

from django.db import migrations

from trading.lib.schema import append_only, function_back, never_deleted, only_changes

# The release before this one pauses without words; that must not fail.
WALLET = """
create function settlement_wallet_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest := users_executed_here('wallet.resume', new.name);
begin
    if new.paused_at is not null and new.pause_reason = '' then
        new.pause_reason := 'unknown';
    end if;
    if old.paused_at is not null and request.id is null
        and (new.paused_at, new.pause_reason, new.paused_by_id)
            is distinct from (old.paused_at, old.pause_reason, old.paused_by_id) then
        raise exception 'ST14 wallet % pays again only by a request that two people carried', new.name
            using errcode = '42501';
    end if;
    if new.next_nonce <> old.next_nonce
        and not (new.next_nonce = old.next_nonce + 1 and old.paused_at is null and new.paused_at is null)
        and not (new.next_nonce > old.next_nonce and request.id is not null
            and (request.payload ->> 'next_nonce')::bigint = new.next_nonce)
        and not (new.next_nonce > old.next_nonce and exists (
            select from settlement_paymentcheck as asked
            join settlement_settlement as settlement on settlement.id = asked.settlement_id
            where (asked.kind, asked.status, asked.wallet_id, asked.nonce + 1)
                = ('paid', 'verified', new.id, new.next_nonce)
                and asked.ref = (
                    users_executed_here('settlement.settle_manually', settlement.ref)
                ).payload ->> 'check'
        )) then
        raise exception 'ST15 wallet % draws one nonce after the other, and none while it is paused', new.name
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before update on settlement_wallet for each row when (
    old.paused_at is not null or new.paused_at is not null or new.next_nonce <> old.next_nonce
) execute function settlement_wallet_guard();
"""

RESUMED = """
create function settlement_wallet_resumed() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_wallet where name = new.subject_ref and paused_at is null
            and next_nonce >= (new.payload ->> 'next_nonce')::bigint
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger wallet_resumed after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act = 'wallet.resume')
    execute function settlement_wallet_resumed();
"""

FORWARD = """
create function settlement_reading_forward() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if new.last < old.last then
        raise exception 'ST16 what was read of a chain stays read' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger forward before update on settlement_chainreading
    for each row execute function settlement_reading_forward();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0040_reconciling")]
    operations = [
        *append_only("settlement_reconciliation", "settlement_outflow", "settlement_databasehome"),
        only_changes("settlement_chainreading", "last"),
        *never_deleted("settlement_chainreading"),
        migrations.RunSQL(
            WALLET, "drop trigger guard on settlement_wallet;" + function_back("settlement_wallet_guard()")
        ),
        migrations.RunSQL(
            RESUMED,
            "drop trigger wallet_resumed on users_approvalrequest;" + function_back("settlement_wallet_resumed()"),
        ),
        migrations.RunSQL(
            FORWARD,
            "drop trigger forward on settlement_chainreading;" + function_back("settlement_reading_forward()"),
        ),
    ]
