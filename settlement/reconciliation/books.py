"""
The ledger against itself, and against what it is held for. Each statement returns what differs, over all rows at once.

The database keeps these rules at every statement; what is found here was done with the owner's rights, or is damage.
"""

# Whole units of the asset, from minor ones.
UNITS = "trim_scale(({0}) / power(10::numeric, asset.scale))"
SIGN = "(case account.normal when 'D' then 1 else -1 end)"

SUMS = """
with sums as (
    select account_id,
        coalesce(sum(amount) filter (where layer = 'P'), 0) as posted,
        coalesce(sum(amount) filter (where layer = 'H'), 0) as held
    from settlement_entry group by account_id
)
"""
OF_ACCOUNTS = """
from settlement_ledgeraccount as account
join settlement_asset as asset on asset.code = account.asset_id
left join settlement_balance as balance on balance.account_id = account.id
left join sums on sums.account_id = account.id
"""

CACHE = (
    SUMS
    + f"""
select account.code, case
    when balance.account_id is null then 'keeps no balance, though it should'
    when not account.is_cached then 'keeps a balance, though it should not'
    else concat(
        'the cache says ', {UNITS.format("balance.posted")}, ' posted and ', {UNITS.format("balance.held")},
        ' held, the entries say ', {UNITS.format(f"coalesce(sums.posted, 0) * {SIGN}")},
        ' and ', {UNITS.format(f"coalesce(sums.held, 0) * {SIGN}")}
    ) end
{OF_ACCOUNTS}
where account.is_cached <> (balance.account_id is not null)
    or balance.posted <> coalesce(sums.posted, 0) * {SIGN}
    or balance.held <> coalesce(sums.held, 0) * {SIGN}
order by account.code
"""
)

FLOOR = (
    SUMS
    + f"""
select account.code, concat(
    'has ', {UNITS.format(f"coalesce(sums.posted, 0) * {SIGN}")},
    ' with ', {UNITS.format(f"coalesce(sums.held, 0) * {SIGN}")},
    ' held: below its floor of ', {UNITS.format("-account.credit_minor")}
)
{OF_ACCOUNTS}
where account.is_cached and (
    (coalesce(sums.posted, 0) - coalesce(sums.held, 0)) * {SIGN} < -account.credit_minor
    or coalesce(sums.held, 0) * {SIGN} < 0
    or balance.credit <> account.credit_minor
)
order by account.code
"""
)

# What is open holds: trades what their client gives, withdrawals amount and fee, transfers what their wallet pays.
OPEN_HOLDS = """
, open_holds as (
    select account.id as account_id, round(case settlement.side when 'buy' then settlement.quote_amount
        else settlement.base_amount end * power(10::numeric, asset.scale)) as minor
    from settlement_settlement as settlement
    join settlement_asset as asset
        on asset.code = case settlement.side when 'buy' then settlement.quote_asset_id else 'USDT' end
    join settlement_ledgeraccount as account
        on account.counterparty_id = settlement.client_id and account.asset_id = asset.code
    where settlement.status not in ('settled', 'settled_manually', 'cancelled') and settlement.settled_at is null
    union all
    select account.id, round((withdrawal.amount + withdrawal.fee) * power(10::numeric, asset.scale))
    from settlement_withdrawal as withdrawal
    join settlement_asset as asset on asset.code = withdrawal.asset_id
    join settlement_ledgeraccount as account
        on account.counterparty_id = withdrawal.client_id and account.asset_id = asset.code
    where withdrawal.status in ('requested', 'approved', 'paying', 'needs_review')
        and not settlement_was_delivered('withdrawal', withdrawal.id)
    union all
    select wallet.account_id, transfer.amount_minor
    from settlement_transfer as transfer join settlement_wallet as wallet on wallet.id = transfer.wallet_id
    where transfer.status not in ('final', 'abandoned') and transfer.final_at is null
), expected as (select account_id, sum(minor) as minor from open_holds group by account_id)
"""
HOLDS = (
    SUMS
    + OPEN_HOLDS
    + f"""
select account.code, concat(
    {UNITS.format(f"coalesce(sums.held, 0) * {SIGN}")}, ' is held, but what is open takes ',
    {UNITS.format("coalesce(expected.minor, 0)")}
)
{OF_ACCOUNTS}
left join expected on expected.account_id = account.id
where account.kind <> 'hold' and coalesce(sums.held, 0) * {SIGN} <> coalesce(expected.minor, 0)
order by account.code
"""
)

JOURNALS = f"""
select journal.key, concat(
    'does not balance: ', {UNITS.format("off.minor")}, ' ', asset.code,
    case off.layer when 'P' then ' posted' else ' held' end, ' too much'
)
from (
    select journal_id, asset_id, layer, sum(amount) as minor from settlement_entry
    group by journal_id, asset_id, layer having sum(amount) <> 0
) as off
join settlement_journal as journal on journal.id = off.journal_id
join settlement_asset as asset on asset.code = off.asset_id
order by journal.id
"""  # noqa: S608 - filled with words of this module alone

EMPTY = """
select journal.key, 'has no entries' from settlement_journal as journal
where not exists (select from settlement_entry where journal_id = journal.id) order by journal.id
"""

ASSETS = f"""
select asset.code, concat(
    'sums to ', {UNITS.format("off.minor")}, ' in the layer ', case off.layer when 'P' then 'posted' else 'held' end
)
from (
    select asset_id, layer, sum(amount) as minor from settlement_entry group by asset_id, layer having sum(amount) <> 0
) as off
join settlement_asset as asset on asset.code = off.asset_id order by asset.code, off.layer
"""  # noqa: S608 - likewise

OF_ANOTHER = """
select account.code, concat('has an entry in ', entry.asset_id, ' (journal ', journal.key, ')')
from settlement_entry as entry
join settlement_ledgeraccount as account on account.id = entry.account_id
join settlement_journal as journal on journal.id = entry.journal_id
where entry.asset_id <> account.asset_id order by entry.id
"""

# What pages read in place of the entries.
DAYS = f"""
with days as (select account_id, layer, sum(amount) as minor from settlement_daysum group by account_id, layer),
entries as (
    select account_id, layer, sum(amount) as minor from settlement_entry
    where id <= coalesce((select upto from settlement_foldmark), 0) group by account_id, layer
)
select account.code, concat(
    'the days say ', {UNITS.format("coalesce(days.minor, 0)")}, case layer when 'P' then ' posted' else ' held' end,
    ', the entries say ', {UNITS.format("coalesce(entries.minor, 0)")}
)
from days full join entries using (account_id, layer)
join settlement_ledgeraccount as account on account.id = account_id
join settlement_asset as asset on asset.code = account.asset_id
where coalesce(days.minor, 0) <> coalesce(entries.minor, 0) order by account.code, layer
"""  # noqa: S608 - filled with words of this module alone

# How far an LP's account is paid, of which pages read since when it is uneven.
SIDES = f"""
with entries as (
    select side.id, coalesce(sum(abs(entry.amount)), 0) as total,
        coalesce(sum(abs(entry.amount)) filter (where entry.id <= side.paid_id), 0) as paid
    from settlement_lpside as side left join settlement_entry as entry
        on entry.account_id = side.account_id and entry.layer = 'P' and entry.id <= side.upto
        and sign(entry.amount) = (case side.side when 'D' then 1 else -1 end)
    group by side.id
)
select account.code, concat(
    case side.side when 'D' then 'of its debits ' else 'of its credits ' end, {UNITS.format("side.paid")},
    ' are taken for paid of ', {UNITS.format("side.total")}, ', the entries say ', {UNITS.format("entries.paid")},
    ' of ', {UNITS.format("entries.total")}, ', the other side has ', {UNITS.format("other.total")}
)
from settlement_lpside as side join entries on entries.id = side.id
join settlement_lpside as other on other.account_id = side.account_id and other.side <> side.side
join settlement_ledgeraccount as account on account.id = side.account_id
join settlement_asset as asset on asset.code = account.asset_id
where (side.total, side.paid) <> (entries.total, entries.paid) or side.paid > other.total
order by account.code, side.side
"""  # noqa: S608 - filled with words of this module alone

CHECKS = (
    ("cache", CACHE),
    ("cache", DAYS),
    ("cache", SIDES),
    ("floor", FLOOR),
    ("holds", HOLDS),
    ("journal", JOURNALS),
    ("journal", EMPTY),
    ("journal", OF_ANOTHER),
    ("asset", ASSETS),
)
