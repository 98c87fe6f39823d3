"""
What may be withdrawn, and what it costs, is as two people carried it, whoever asks.

Refusals begin with a code (MN27, MN28). The first version is what the environment said until now; it says it no more.
"""

from decimal import Decimal

from django.db import migrations
from django.utils import timezone

from trading import env
from trading.lib.schema import append_only, function_back

USUAL_FEES = [{"chain": "tron", "usdt": "1"}, {"chain": "ethereum", "usdt": "4"}]


def lay_down(apps, schema_editor):
    largest = env.number("WITHDRAWAL_LARGEST", 1_000_000) or 1
    daily = max(env.number("WITHDRAWAL_DAILY", 3_000_000), largest)
    fees = {str(row["chain"]): f"{Decimal(str(row['usdt'])):f}" for row in env.objects("NETWORK_FEES", USUAL_FEES)}
    apps.get_model("settlement", "WithdrawalPolicy").objects.using(schema_editor.connection.alias).get_or_create(
        version=1, defaults={"largest": largest, "daily": daily, "fees": fees, "made_at": timezone.now()}
    )


POLICY = """
create function settlement_withdrawal_policy_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest := users_executed_here('withdrawal_policy.change', 'WITHDRAWALS');
begin
    if request.id is null
        or new.version <> (select max(version) + 1 from settlement_withdrawalpolicy)
        or (new.largest, new.daily) is distinct from (
            (request.payload ->> 'largest')::numeric, (request.payload ->> 'daily')::numeric
        )
        or new.fees is distinct from (
            select jsonb_object_agg(substr(term.key, 5), term.value)
            from jsonb_each(request.payload) as term where term.key like 'fee\\_%'
        ) then
        raise exception 'MN28 the limits and fees of withdrawals change only by a request that two people carried'
            using errcode = '42501';
    end if;
    new.made_at := clock_timestamp();
    return new;
end $$;
create trigger guard before insert on settlement_withdrawalpolicy
    for each row execute function settlement_withdrawal_policy_guard();
"""

# Ids grow with time: what a client asked for within 24 hours is at the end of its own.
WITHIN = """
create function settlement_withdrawal_within() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    policy settlement_withdrawalpolicy;
    fee numeric := 0;
begin
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
create trigger within_policy before insert on settlement_withdrawal
    for each row execute function settlement_withdrawal_within();
"""

TOOK_EFFECT = """
create function settlement_withdrawal_policy_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from settlement_withdrawalpolicy where made_at >= new.closed_at) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger withdrawal_policy_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act = 'withdrawal_policy.change')
    execute function settlement_withdrawal_policy_took_effect();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0024_withdrawal_policy")]
    operations = [
        migrations.RunPython(lay_down, migrations.RunPython.noop),
        *append_only("settlement_withdrawalpolicy"),
        migrations.RunSQL(
            POLICY,
            "drop trigger guard on settlement_withdrawalpolicy;"
            + function_back("settlement_withdrawal_policy_guard()"),
        ),
        migrations.RunSQL(
            WITHIN,
            "drop trigger within_policy on settlement_withdrawal;" + function_back("settlement_withdrawal_within()"),
        ),
        migrations.RunSQL(
            TOOK_EFFECT,
            "drop trigger withdrawal_policy_took_effect on users_approvalrequest;"
            + function_back("settlement_withdrawal_policy_took_effect()"),
        ),
    ]
