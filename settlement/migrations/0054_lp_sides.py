"""
Since when an LP's account is uneven is read from how far each side of it is paid, which is followed minute by minute.

A job fills it, as it goes on: from the first entry, in bounded steps. Until it has, what is not followed yet is read.
"""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from trading.lib.schema import function_back, replaced

BEFORE = import_module("settlement.migrations.0030_lp_netting").SINCE

# Only up to the fold mark: nothing can appear among those entries any more. One side is paid by what the other has.
# Entries of an account are read in their order by the index that has it: compared as rows, and never sorted.
FOLLOW = """
create function settlement_follow_lps(most bigint default 200000) returns bigint language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp set enable_sort = off as $$
declare
    mark settlement_foldmark;
    own record;
    one record;
    begun bigint;
    bound bigint;
    place bigint;
    passed bigint := 0;
begin
    select * into mark from settlement_foldmark for update skip locked;
    if mark.id is null then
        return 0;
    end if;
    -- All are followed up to the same entry; an account that is new has none before it.
    begun := (select coalesce(min(upto), 0) from settlement_lpside);
    bound := least(mark.upto, begun + most);
    insert into settlement_lpside (account_id, side, upto, total, paid_id, paid)
    select account.id, sides.side, begun, 0, 0, 0
    from settlement_ledgeraccount as account cross join (values ('D'), ('C')) as sides (side)
    where account.kind = 'lp' and not exists (
        select from settlement_lpside as kept where (kept.account_id, kept.side) = (account.id, sides.side)
    );
    with added as (
        select account_id, case when amount > 0 then 'D' else 'C' end as side, sum(abs(amount)) as minor
        from settlement_entry where id > begun and id <= bound and layer = 'P' group by 1, 2
    )
    update settlement_lpside as kept set upto = bound, total = kept.total + coalesce((
        select minor from added where (added.account_id, added.side) = (kept.account_id, kept.side)
    ), 0)
    where bound > begun;
    for own in
        select side.id, side.account_id, side.upto, side.paid_id, side.paid, other.total as covered,
            case side.side when 'D' then 1 else -1 end as sign
        from settlement_lpside as side
        join settlement_lpside as other on other.account_id = side.account_id and other.side <> side.side
        where side.paid_id < side.upto
    loop
        place := own.upto;
        for one in
            select id, abs(amount) as minor from settlement_entry
            where (account_id, layer, id) > (own.account_id, 'P', own.paid_id)
                and (account_id, layer, id) <= (own.account_id, 'P', own.upto) and sign(amount) = own.sign
            order by account_id, layer, id
        loop
            if own.paid + one.minor > own.covered or passed >= most then
                place := one.id - 1;  -- so the next look finds the first that is not paid at once
                exit;
            end if;
            own.paid := own.paid + one.minor;
            passed := passed + 1;
        end loop;
        update settlement_lpside set paid = own.paid, paid_id = place where id = own.id and paid_id <> place;
    end loop;
    return greatest(bound - begun, passed);
end $$;
"""

# The oldest entry of the uneven side that what the other side has does not pay whole, the oldest paid first.
SINCE = """
create or replace function settlement_uneven_since(wanted_account bigint, minor numeric) returns timestamptz
    language plpgsql stable set search_path = pg_catalog, public, pg_temp set enable_sort = off as $$
declare
    own settlement_lpside;
    other settlement_lpside;
    one record;
    left_over numeric;
begin
    select * into own from settlement_lpside
    where account_id = wanted_account and side = case when settlement_uneven_since.minor > 0 then 'D' else 'C' end;
    select * into other from settlement_lpside where account_id = wanted_account and side <> own.side;
    left_over := coalesce(other.total, 0) - coalesce(own.paid, 0) + (
        select coalesce(sum(abs(amount)), 0) from settlement_entry
        where account_id = wanted_account and layer = 'P' and id > coalesce(other.upto, 0)
            and sign(amount) = -sign(settlement_uneven_since.minor)
    );
    for one in
        select journal_id, abs(amount) as minor from settlement_entry
        where (account_id, layer, id) > (wanted_account, 'P', coalesce(own.paid_id, 0))
            and (account_id, layer) <= (wanted_account, 'P') and sign(amount) = sign(settlement_uneven_since.minor)
        order by account_id, layer, id
    loop
        left_over := left_over - one.minor;
        if left_over < 0 then
            return (select created_at from settlement_journal where id = one.journal_id);
        end if;
    end loop;
    return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0053_open")]
    operations = [
        migrations.CreateModel(
            name="LpSide",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("side", models.CharField(choices=[("D", "Debit"), ("C", "Credit")], max_length=1)),
                ("upto", models.BigIntegerField()),
                ("total", models.DecimalField(decimal_places=0, max_digits=38)),
                ("paid_id", models.BigIntegerField()),
                ("paid", models.DecimalField(decimal_places=0, max_digits=38)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sides",
                        to="settlement.ledgeraccount",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "side"), name="lp_side_once"),
                    models.CheckConstraint(
                        condition=models.Q(("paid__lte", models.F("total")), ("paid_id__lte", models.F("upto"))),
                        name="lp_side_paid_of_what_is_there",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FOLLOW, function_back("settlement_follow_lps(bigint)")),
        replaced(SINCE, BEFORE),
    ]
