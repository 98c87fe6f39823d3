"""
What desk and LP net up to an instant is what is still open of the trades before it: what undoes one of them counts,
whenever it is posted. And since when an account of an LP is uneven is found without reading all of it.
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import function_back, replaced

BEFORE = import_module("settlement.migrations.0015_lp_payment_rules").OPEN

# What a journal posted at or after `until` is to a netting up to it. It belongs to a trade by its subject, or by the
# journal it reverses: `before` when that trade accrued before `until`, else `after`. Payments are `out` or `in`.
# `other`: nothing says which trade, if any, it corrects.
PART = """
create function settlement_lp_part(wanted bigint, until timestamptz) returns text language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    with recursive undone as (
        select id, kind, subject, reverses_id, created_at from settlement_journal where id = wanted
        union all
        select earlier.id, earlier.kind, earlier.subject, earlier.reverses_id, earlier.created_at
        from settlement_journal as earlier join undone on undone.reverses_id = earlier.id
    )
    select case
        when root.kind in ('lp_payment', 'lp_payment_return') then 'out'
        when root.kind = 'lp_receipt' then 'in'
        when coalesce(trade.accrued_at, root.created_at) < until then 'before'
        when trade.accrued_at is not null then 'after'
        else 'other'
    end
    from undone as root
    left join lateral (
        select min(created_at) as accrued_at from settlement_journal
        where subject = root.subject and kind = 'accrual'
    ) as trade on true
    where root.reverses_id is null
$$;
"""

# What one side owes the other in whole units, less what is under way in that direction. `but`: the payment that is
# asked about itself. Up to `until`: what stood then, with what undoes it since; less what this side has paid since. What
# the other side has paid since is taken off what it owed itself; it never adds to what this side owes, for that would
# pay back what was paid for trades that are left out. What corrects nobody knows what counts where it lessens the debt.
OPEN = """
create or replace function settlement_lp_open(
    wanted_lp bigint, wanted_asset text, wanted_direction text, until timestamptz, but bigint
) returns numeric language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    with legs as (
        select entry.amount * case wanted_direction when 'out' then -1 else 1 end as minor, case
            when until is null or journal.created_at < until then 'before'
            when journal.kind = 'accrual' and journal.reverses_id is null then 'after'
            else settlement_lp_part(journal.id, until) end as part
        from settlement_ledgeraccount as account
        join settlement_entry as entry on entry.account_id = account.id and entry.layer = 'P'
        left join settlement_journal as journal on until is not null and journal.id = entry.journal_id
        where account.kind = 'lp' and account.counterparty_id = wanted_lp and account.asset_id = wanted_asset
    ), sums as (
        select coalesce(sum(minor) filter (where part = 'before' or part = 'other' and minor < 0), 0) as stood,
            coalesce(sum(minor) filter (where part = wanted_direction), 0) as paid,
            coalesce(sum(minor) filter (where part in ('in', 'out') and part <> wanted_direction), 0) as came
        from legs
    )
    select (least(stood + came, greatest(stood, 0)) + paid)
        / power(10::numeric, (select scale from settlement_asset where code = wanted_asset))
        - coalesce((
            select sum(amount) from settlement_lppayment
            where lp_id = wanted_lp and asset_id = wanted_asset and direction = wanted_direction
                and id is distinct from but
                and status in ('requested', 'approved', 'paying', 'needs_review')
        ), 0)
    from sums
$$;
"""

# The entries of the uneven side that make the balance up, newest first, are what is left when the oldest were paid
# first; the instant is that of the oldest of them. The index gives them in that order, so reading stops there.
SINCE = """
create function settlement_uneven_since(wanted_account bigint, minor numeric) returns timestamptz language plpgsql
    stable set search_path = pg_catalog, public, pg_temp as $$
declare
    one record;
    left_over numeric := abs(minor);
begin
    for one in
        select journal_id, abs(amount) as minor from settlement_entry
        where account_id = wanted_account and layer = 'P' and sign(amount) = sign(settlement_uneven_since.minor)
        order by id desc
    loop
        left_over := left_over - one.minor;
        if left_over <= 0 then
            return (select created_at from settlement_journal where id = one.journal_id);
        end if;
    end loop;
    return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0029_payment_rules")]
    operations = [
        migrations.RunSQL(PART, function_back("settlement_lp_part(bigint, timestamptz)")),
        replaced(OPEN, BEFORE),
        migrations.RunSQL(SINCE, function_back("settlement_uneven_since(bigint, numeric)")),
    ]
