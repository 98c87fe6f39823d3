"""
What is settled, paid and credited against the journals it must have: exactly these, with the amounts agreed.

A journal is known by its key; `docs/ledger.md` lists them.
"""

# The keys each settlement, transfer, withdrawal, LP payment and deposit must have as it stands. What came from suspense
# may have one more: whether it did, its state alone does not say.
EXPECTED = """
with transfers as (
    select transfer.*, coalesce(settlement.ref, withdrawal.ref, payment.ref) as owner_ref, case
        when settlement.ref is not null then 'delivery:'
        when withdrawal.ref is not null then 'withdrawal-sent:'
        else 'lp-payment:' end as paid_by,
        rank() over (
            partition by transfer.settlement_id, transfer.withdrawal_id, transfer.lp_payment_id
            order by transfer.final_at is null, transfer.generation
        ) > 1 as is_again
    from settlement_transfer as transfer
    left join settlement_settlement as settlement on settlement.id = transfer.settlement_id
    left join settlement_withdrawal as withdrawal on withdrawal.id = transfer.withdrawal_id
    left join settlement_lppayment as payment on payment.id = transfer.lp_payment_id
), delivered as (select distinct owner_ref as ref from transfers where final_at is not null
), by_hand as (
    select due.ref, 'paid-again:' || due.ref || ':' || asked.ref as key
    from settlement_manualpayment as payment
    join settlement_paymentcheck as asked on asked.id = payment.check_made_id
    cross join lateral settlement_due(payment.settlement_id, payment.withdrawal_id, payment.lp_payment_id) as due
    join delivered on delivered.ref = due.ref
), undone as (
    select owner_ref as ref, concat('wallet-undone:', owner_ref, ':', generation) as key from transfers
        where status = 'abandoned' and final_at is not null
    union all select owner_ref, concat('paid-again:', owner_ref, ':', generation) from transfers
        where final_at is not null and is_again
    union all select ref, key from by_hand
), ended as (
    select ref, array['accrual:' || trade_ref, 'delivery:' || ref] as keys from settlement_settlement
        where status = 'cancelled' and settled_at is not null
    union all select ref, array['withdrawal-sent:' || ref] from settlement_withdrawal join delivered using (ref)
        where status = 'declined'
    union all select ref, array['lp-payment:' || ref] from settlement_lppayment join delivered using (ref)
        where status = 'declined'
), expected (subject, key, is_needed) as (
    select ref, 'hold:' || trade_ref, true from settlement_settlement
    union all select ref, 'accrual:' || trade_ref, true from settlement_settlement
    union all select ref, 'delivery:' || ref, true from settlement_settlement
        where settled_at is not null
    union all select ref, key, true from undone
    union all select ref, 'reversal:' || key, true from ended cross join unnest(keys) as key
    union all select ref, 'reversal:' || key, true from undone join ended using (ref)
    union all select ref, 'reversal:accrual:' || trade_ref, true from settlement_settlement where status = 'reversed'
    union all select ref, 'reversal:delivery:' || ref, true from settlement_settlement where status = 'reversed'
    union all select ref, 'cancel:' || ref, true from settlement_settlement
        where status = 'cancelled' and settled_at is null
    union all select owner_ref, concat('wallet-hold:', owner_ref, ':', generation), true from transfers
    union all select owner_ref, concat('wallet-release:', owner_ref, ':', generation), true from transfers
        where status = 'abandoned' and final_at is null
    union all select ref, 'withdrawal-hold:' || ref, true from settlement_withdrawal
    union all select ref, 'withdrawal-release:' || ref, true from settlement_withdrawal
        where status in ('cancelled', 'declined') and ref not in (select ref from delivered)
    union all select ref, 'withdrawal-sent:' || ref, true from settlement_withdrawal
        where status in ('sent', 'confirmed', 'returned') or ref in (select ref from delivered)
    union all select ref, 'withdrawal-return:' || ref, true from settlement_withdrawal where status = 'returned'
    union all select ref, 'lp-payment:' || ref, true from settlement_lppayment
        where direction = 'out' and (
            status in ('sent', 'confirmed', 'returned') or ref in (select ref from delivered)
        )
    union all select ref, 'lp-payment-return:' || ref, true from settlement_lppayment where status = 'returned'
    union all select ref, 'lp-receipt:' || ref, true from settlement_lppayment
        where direction = 'in' and status = 'confirmed'
    union all select ref, 'deposit:' || ref, true from settlement_deposit where credited_at is not null
    union all select ref, 'deposit-return:' || ref, true from settlement_deposit where status = 'returned'
    union all select ref, 'deposit-suspense:' || ref, credited_at is null from settlement_deposit
        where status in ('suspense', 'credited', 'returned', 'undone', 'taken_off')
    union all select ref, 'deposit-undone:' || ref, true from settlement_deposit where status = 'taken_off'
    union all select ref, kind || ref, false from settlement_deposit
        cross join (values ('deposit-suspense:'), ('deposit-left-out:')) as out_of_suspense (kind)
        where status = 'left_out'
)
"""

LACKING = (
    EXPECTED
    + """
select expected.subject, 'lacks its journal ' || expected.key from expected
left join settlement_journal as journal on journal.key = expected.key and journal.subject = expected.subject
where expected.is_needed and journal.id is null order by expected.subject, expected.key
"""
)

UNEXPLAINED = (
    EXPECTED
    + """
select journal.subject, 'has a journal that its state does not explain: ' || journal.key
from settlement_journal as journal
left join expected on expected.key = journal.key and expected.subject = journal.subject
where journal.subject ~ '^(STL|WDR|DEP|LPP)-' and expected.key is null
order by journal.id
"""
)

FINAL = (
    EXPECTED  # noqa: S608 - two texts of this module
    + """
select transfer.ref, case
    when journal.id is null then concat('is final, but ', transfer.paid_by, transfer.owner_ref, ' is not posted')
    else concat('is final, but ', journal.key, ' takes another amount from its wallet') end
from transfers as transfer
join settlement_wallet as wallet on wallet.id = transfer.wallet_id
left join settlement_journal as journal on journal.key = case when transfer.is_again
    then concat('paid-again:', transfer.owner_ref, ':', transfer.generation)
    else transfer.paid_by || transfer.owner_ref end
left join lateral (
    select coalesce(sum(amount), 0) as minor from settlement_entry
    where journal_id = journal.id and account_id = wallet.account_id and layer = 'P'
) as paid on true
where transfer.status = 'final' and (journal.id is null or paid.minor <> -transfer.amount_minor)
order by transfer.id
"""
)

# What was reversed has moved back, account by account, and nothing else with it.
REVERSED = """
select coalesce(original.key, journal.key), 'is not what its reversal takes back'
from settlement_journal as journal
left join settlement_journal as original on original.id = journal.reverses_id
cross join lateral (
    select max(abs(minor)) as most from (
        select sum(amount) as minor from settlement_entry
        where journal_id = journal.id or (journal_id = original.id and layer = 'P')
        group by account_id, layer
    ) as sums
) as off
where (journal.kind = 'reversal' or journal.reverses_id is not null) and (original.id is null or off.most <> 0)
order by journal.id
"""

# Debit positive, per settlement: the trade's two sides with the LP from the start, with the client once it is settled.
# What takes a trade back is looked at by itself; so is what the wallets paid again after a chain undid it.
TERMS = """
with agreed as (
    select settlement.ref, settlement.client_id, settlement.lp_id, settlement.quote_asset_id,
        case settlement.side when 'buy' then 1 else -1 end
            * (settlement.status <> 'cancelled' or settled_at is not null)::integer as lp_sign,
        case settlement.side when 'buy' then 1 else -1 end
            * (settled_at is not null)::integer as client_sign,
        round(settlement.base_amount * power(10::numeric, usdt.scale)) as base,
        round(settlement.quote_amount * power(10::numeric, fiat.scale)) as quote,
        round(settlement.lp_quote_amount * power(10::numeric, fiat.scale)) as lp_quote
    from settlement_settlement as settlement
    join settlement_asset as usdt on usdt.code = 'USDT'
    join settlement_asset as fiat on fiat.code = settlement.quote_asset_id
), moved as (
    select agreed.ref,
        coalesce(sum(entry.amount) filter (
            where account.counterparty_id = agreed.lp_id and entry.asset_id = 'USDT'), 0) as lp_base,
        coalesce(sum(entry.amount) filter (
            where account.counterparty_id = agreed.lp_id and entry.asset_id = agreed.quote_asset_id), 0) as lp_quote,
        coalesce(sum(entry.amount) filter (where entry.asset_id = agreed.quote_asset_id
            and (account.counterparty_id = agreed.client_id or account.kind = 'bank')), 0) as quote,
        coalesce(sum(entry.amount) filter (where entry.asset_id = 'USDT'
            and (account.counterparty_id = agreed.client_id or account.kind = 'hot')), 0) as base
    from agreed
    join settlement_journal as journal on journal.subject = agreed.ref and journal.reverses_id is null
        and journal.kind not in ('wallet_undone', 'paid_again')
    join settlement_entry as entry on entry.journal_id = journal.id and entry.layer = 'P'
    join settlement_ledgeraccount as account on account.id = entry.account_id
    group by agreed.ref
)
select agreed.ref, 'its journals move other amounts than were agreed' from agreed
join moved on moved.ref = agreed.ref
where (moved.lp_base, moved.lp_quote, moved.quote, moved.base) is distinct from
    (agreed.lp_sign * agreed.base, -agreed.lp_sign * agreed.lp_quote,
     agreed.client_sign * agreed.quote, -agreed.client_sign * agreed.base)
order by agreed.ref
"""

# What a deposit or a payment with an LP says it moved, against the leg of its owner in its journal.
AMOUNTS = """
select said.ref, 'its journal ' || journal.key || ' moves another amount than it says'
from (
    select ref, 'lp-payment:' || ref as key, 'lp' as kind, lp_id as owner_id, asset_id, amount
    from settlement_lppayment where direction = 'out' and status in ('sent', 'confirmed', 'returned')
    union all select ref, 'lp-payment-return:' || ref, 'lp', lp_id, asset_id, -amount
    from settlement_lppayment where status = 'returned'
    union all select ref, 'lp-receipt:' || ref, 'lp', lp_id, asset_id, -received
    from settlement_lppayment where direction = 'in' and status = 'confirmed'
    union all select ref, 'deposit:' || ref, 'client', client_id, asset_id, -amount
    from settlement_deposit where credited_at is not null
) as said
join settlement_journal as journal on journal.key = said.key
join settlement_asset as asset on asset.code = said.asset_id
left join lateral (
    select coalesce(sum(entry.amount), 0) as minor from settlement_entry as entry
    join settlement_ledgeraccount as account on account.id = entry.account_id
    where entry.journal_id = journal.id and entry.layer = 'P' and entry.asset_id = said.asset_id
        and account.kind = said.kind and account.counterparty_id = said.owner_id
) as moved on true
where moved.minor <> said.amount * power(10::numeric, asset.scale)
order by said.ref
"""

CHECKS = (
    ("lacking", LACKING),
    ("amount", AMOUNTS),
    ("unexplained", UNEXPLAINED),
    ("transfer", FINAL),
    ("terms", TERMS),
    ("reversal", REVERSED),
)
