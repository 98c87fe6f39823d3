"""
A client's credit line changes by two people's word, and never below what is taken of it.

Refusals begin with a code (MN40).
"""

from django.db import migrations

from trading.lib.schema import function_back

# The floor (`balance_floor`) refuses a line below what is taken: the balance takes the new line over at once.
GUARD = """
create function settlement_credit_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
begin
    if new.credit_minor is not distinct from coalesce(old.credit_minor, 0) then
        return new;
    end if;
    request := users_executed_here('credit.change', (
        select ref from users_counterparty where id = new.counterparty_id
    ));
    if not coalesce(
        new.kind = 'client' and request.payload ->> 'currency' = new.asset_id
        and (request.payload ->> 'credit')::numeric * power(10::numeric, (
            select scale from settlement_asset where code = new.asset_id
        )) = new.credit_minor, false
    ) then
        raise exception 'MN40 the credit line of % changes only by a request that two people carried', new.code
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger credit_guard before insert or update on settlement_ledgeraccount
    for each row execute function settlement_credit_guard();
"""

TOOK_EFFECT = """
create function settlement_credit_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_ledgeraccount as account
        join users_counterparty as party on party.id = account.counterparty_id
        join settlement_asset as asset on asset.code = account.asset_id
        where party.ref = new.subject_ref and account.asset_id = new.payload ->> 'currency'
            and account.credit_minor = (new.payload ->> 'credit')::numeric * power(10::numeric, asset.scale)
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger credit_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act = 'credit.change')
    execute function settlement_credit_took_effect();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0015_lp_payment_rules")]
    operations = [
        migrations.RunSQL(
            GUARD, "drop trigger credit_guard on settlement_ledgeraccount;" + function_back("settlement_credit_guard()")
        ),
        migrations.RunSQL(
            TOOK_EFFECT,
            "drop trigger credit_took_effect on users_approvalrequest;"
            + function_back("settlement_credit_took_effect()"),
        ),
    ]
