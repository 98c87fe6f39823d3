"""The steps of settlements that take two people, against the requests that were carried, both ways; and the limits."""

CARRIED = """
select from users_approvalrequest as request
where request.status = 'executed' and request.act in ({acts}) and request.subject_ref = one.ref
"""
THRESHOLD = """
select release_threshold from settlement_settlementpolicy where made_at <= step.at order by version desc limit 1
"""
# Filled with words of this module alone.
RELEASED = """
select one.ref, 'was released without a request that two people carried' from settlement_settlementtransition as step
join settlement_settlement as one on one.id = step.settlement_id
where step.to_status = 'approved' and step.from_status <> 'blocked'
    and (step.from_status = 'awaiting_approval' or one.base_amount >= ({threshold})) and not exists ({carried})
""".format(threshold=THRESHOLD, carried=CARRIED.format(acts="'settlement.release'"))
CANCELLED = """
select one.ref, 'was cancelled without a request that two people carried' from settlement_settlement as one
where one.status = 'cancelled' and not exists ({carried})
""".format(carried=CARRIED.format(acts="'settlement.cancel'"))
REVERSED = """
select one.ref, 'was reversed without a request that two people carried' from settlement_settlement as one
left join settlement_reversal as reversal on reversal.settlement_id = one.id
where (one.status = 'reversed' or reversal.id is not null) and not exists (
    {carried} and one.status = 'reversed' and request.id = reversal.request_id
        and request.payload ->> 'evidence' = reversal.evidence
)
""".format(carried=CARRIED.format(acts="'fill.reverse'"))
REVIEWED = """
select one.ref, 'left the review without a request that two people carried'
from settlement_settlementtransition as step join settlement_settlement as one on one.id = step.settlement_id
where step.from_status = 'needs_review' and step.to_status in ('paying', 'settled', 'settled_manually')
    and not exists ({carried})
    and not (step.to_status = 'settled' and exists (
        select from settlement_settlementtransition as undone
        where undone.settlement_id = one.id and undone.id < step.id and undone.from_status = 'settled'
    ))
""".format(carried=CARRIED.format(acts="'settlement.resend', 'settlement.confirm_payment', 'settlement.take_other'"))
ABANDONED = """
select transfer.ref, 'was given up without a request that two people carried' from settlement_transfer as transfer
cross join lateral settlement_due(transfer.settlement_id, transfer.withdrawal_id, transfer.lp_payment_id) as one
where transfer.status = 'abandoned' and not exists ({carried})
""".format(
    carried=CARRIED.format(
        acts="'settlement.resend', 'settlement.cancel', 'settlement.take_other',"
        " 'withdrawal.resend', 'withdrawal.give_up', 'withdrawal.take_other',"
        " 'lp_payment.resend', 'lp_payment.give_up', 'lp_payment.take_other'"
    )
)
LIMITS = """
select concat('settlement limits v', one.version), 'hold without a request that two people carried'
from settlement_settlementpolicy as one
where one.version > 1 and not exists (
    select from users_approvalrequest as request
    where request.status = 'executed' and request.act = 'settlement_policy.change'
        and (one.release_threshold, one.backlog_batch, one.most_waiting, one.oldest_hours, one.sla_minutes) = (
            (request.payload ->> 'release_threshold')::numeric, (request.payload ->> 'backlog_batch')::smallint,
            (request.payload ->> 'most_waiting')::integer, (request.payload ->> 'oldest_hours')::smallint,
            coalesce((request.payload ->> 'sla_minutes')::integer, 15)
        )
)
"""
# And the other way: what was carried has happened.
NOT_DONE = """
select request.ref, 'was carried, and ' || request.subject_ref || ' does not show it'
from users_approvalrequest as request
left join settlement_settlement as one on one.ref = request.subject_ref
left join settlement_withdrawal as withdrawal on withdrawal.ref = request.subject_ref
left join settlement_lppayment as lp_payment on lp_payment.ref = request.subject_ref
where request.status = 'executed' and case request.act
    when 'settlement.release' then one.is_released is not true
    when 'settlement.cancel' then one.status is distinct from 'cancelled'
    when 'settlement.settle_manually' then not exists (
        select from settlement_manualpayment where request_id = request.id
    )
    when 'fill.reverse' then not exists (select from settlement_reversal where request_id = request.id)
    when 'settlement.resend' then not exists (
        select from settlement_transfer where settlement_id = one.id and status = 'abandoned'
    )
    when 'settlement.confirm_payment' then one.settled_at is null
    when 'withdrawal.resend' then not exists (
        select from settlement_transfer where withdrawal_id = withdrawal.id and status = 'abandoned'
    )
    when 'lp_payment.resend' then not exists (
        select from settlement_transfer where lp_payment_id = lp_payment.id and status = 'abandoned'
    )
    when 'withdrawal.confirm_payment' then withdrawal.status is distinct from 'confirmed'
    when 'lp_payment.confirm_payment' then lp_payment.status is distinct from 'confirmed'
    when 'settlement.take_other' then not exists (
        select from settlement_manualpayment where request_id = request.id
    )
    when 'withdrawal.take_other' then not exists (
        select from settlement_manualpayment where request_id = request.id
    )
    when 'lp_payment.take_other' then not exists (
        select from settlement_manualpayment where request_id = request.id
    )
    when 'withdrawal.give_up' then withdrawal.status is distinct from 'declined'
    when 'lp_payment.give_up' then lp_payment.status is distinct from 'declined'
    when 'deposit.take_own' then not exists (
        select from settlement_deposit where ref = request.subject_ref and (status, reason) = ('left_out', 'own_funds')
    )
    when 'deposit.take_off' then not exists (
        select from settlement_deposit where ref = request.subject_ref and status = 'taken_off'
    )
    when 'wallet_policy.change' then (select max(version) from settlement_walletpolicy) = 1
    when 'ledger.adjust' then not exists (select from settlement_journal where key = 'adjust:' || request.ref)
    when 'settlement_policy.change' then (select max(version) from settlement_settlementpolicy) = 1
    else false
end
"""
ADJUSTED = """
select journal.key, 'was booked without a request that two people carried' from settlement_journal as journal
where (journal.kind = 'adjust' or journal.key like 'adjust:%%') and not exists (
    select from users_approvalrequest as request
    where request.status = 'executed' and request.act = 'ledger.adjust' and journal.key = 'adjust:' || request.ref
        and jsonb_build_object(
            request.payload ->> 'debit', (request.payload ->> 'amount')::numeric,
            request.payload ->> 'credit', -(request.payload ->> 'amount')::numeric
        ) = (
            select jsonb_object_agg(code, units) from (
                select account.code, sum(entry.amount) / power(10::numeric, max(asset.scale)) as units
                from settlement_entry as entry
                join settlement_ledgeraccount as account on account.id = entry.account_id
                join settlement_asset as asset on asset.code = entry.asset_id
                where entry.journal_id = journal.id group by account.code
            ) as booked
        )
)
"""
CHECKS = (ADJUSTED, RELEASED, CANCELLED, REVERSED, REVIEWED, ABANDONED, LIMITS, NOT_DONE)
