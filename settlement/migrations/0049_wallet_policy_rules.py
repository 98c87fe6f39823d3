"""
What the wallets may pay at most is as two people carried it; and of what was compared and agreed, one a day is kept.

Refusals begin with a code (MN41, ST19). The first version is what the environment said until now; it says it no more.
"""

import re

from django.db import migrations
from django.utils import timezone

from trading import env
from trading.lib.schema import append_only, function_back

PLAIN = re.compile(r"[1-9][0-9]{0,11}(\.[0-9]{1,6})?", re.ASCII)


def lay_down(apps, schema_editor):
    limits = {}
    for row in env.objects("WALLET_LIMITS", []):
        found = {field: str(row.get(field, "")) for field in ("largest", "daily")}
        if not all(PLAIN.fullmatch(written) for written in found.values()):
            raise ValueError(f"WALLET_LIMITS: a row of {row.get('chain')} has no two amounts in plain digits")
        limits[str(row["chain"])] = found
    apps.get_model("settlement", "WalletPolicy").objects.using(schema_editor.connection.alias).get_or_create(
        version=1, defaults={"limits": limits, "made_at": timezone.now()}
    )


POLICY = """
create function settlement_wallet_policy_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest := users_executed_here('wallet_policy.change', 'WALLETS');
begin
    if request.id is null
        or new.version <> (select max(version) + 1 from settlement_walletpolicy)
        or new.limits is distinct from (
            select coalesce(jsonb_object_agg(chain, terms), '{}'::jsonb) from (
                select substr(term.key, position('_' in term.key) + 1) as chain,
                    jsonb_object_agg(split_part(term.key, '_', 1), term.value) as terms
                from jsonb_each(request.payload) as term where (term.value #>> '{}')::numeric > 0 group by 1
            ) as limited
        ) then
        raise exception 'MN41 the limits of wallets change only by a request that two people carried'
            using errcode = '42501';
    end if;
    new.made_at := clock_timestamp();
    return new;
end $$;
create trigger guard before insert on settlement_walletpolicy
    for each row execute function settlement_wallet_policy_guard();

create function settlement_wallet_policy_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (
        select from settlement_walletpolicy
        where made_at >= transaction_timestamp() and version = (select max(version) from settlement_walletpolicy)
    ) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger wallet_policy_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act = 'wallet_policy.change')
    execute function settlement_wallet_policy_took_effect();
"""
POLICY_BACK = (
    "drop trigger wallet_policy_took_effect on users_approvalrequest; drop trigger guard on settlement_walletpolicy;"
    + function_back("settlement_wallet_policy_took_effect()", "settlement_wallet_policy_guard()")
)

# A round may go that is old, found nothing, saw everything, opened no wallet, and is neither the newest of its kind nor
# the first of its day. Nobody may remove one but by the function, which removes nothing else.
PRUNE = """
create function settlement_may_be_pruned(one settlement_reconciliation, kept_for interval) returns boolean
    language sql stable set search_path = pg_catalog, public, pg_temp as $$
    select one.ended_at < clock_timestamp() - greatest(kept_for, interval '7 days')
        and one.differences = '[]'::jsonb and one.unseen = '[]'::jsonb
        and exists (
            select from settlement_reconciliation as earlier
            where earlier.id < one.id and (earlier.accounts is null) = (one.accounts is null)
                and earlier.differences = '[]'::jsonb and earlier.unseen = '[]'::jsonb
                and earlier.ended_at >= date_trunc('day', one.ended_at, 'UTC')
        )
        and exists (
            select from settlement_reconciliation as later
            where later.id > one.id and (later.accounts is null) = (one.accounts is null)
        )
        and not exists (
            select from users_auditevent where name = 'wallet.resumed' and after ->> 'reconciliation' = one.ref
        )
$$;

create function settlement_reconciliation_kept() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not settlement_may_be_pruned(old, interval '7 days') then
        raise exception 'ST19 %: what is evidence is never changed or removed', old.ref using errcode = '42501';
    end if;
    return old;
end $$;

drop trigger append_only on settlement_reconciliation;
create trigger append_only before update on settlement_reconciliation
    for each row execute function desk_append_only();
create trigger kept before delete on settlement_reconciliation
    for each row execute function settlement_reconciliation_kept();

create function settlement_prune_reconciliations(kept_for interval, at_most integer) returns bigint language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    gone bigint;
begin
    delete from settlement_reconciliation where id in (
        select one.id from settlement_reconciliation as one
        where settlement_may_be_pruned(one, kept_for) order by one.id desc limit at_most
    );
    get diagnostics gone = row_count;
    return gone;
end $$;
"""
PRUNE_BACK = (
    "drop trigger kept on settlement_reconciliation; drop trigger append_only on settlement_reconciliation;"
    " create trigger append_only before update or delete on settlement_reconciliation"
    " for each row execute function desk_append_only();"
    + function_back(
        "settlement_prune_reconciliations(interval, integer)",
        "settlement_reconciliation_kept()",
        "settlement_may_be_pruned(settlement_reconciliation, interval)",
    )
)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0048_undone_arrival_rules")]
    operations = [
        migrations.RunPython(lay_down, migrations.RunPython.noop),
        *append_only("settlement_walletpolicy"),
        migrations.RunSQL(POLICY, POLICY_BACK),
        migrations.RunSQL(PRUNE, PRUNE_BACK),
    ]
