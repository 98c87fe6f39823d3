"""What the verification of the evidence looks at here: the flag, and where money may go, came in and went."""

from collections.abc import Iterable

from settlement import autosettle, steps_verification
from users import verification
from users.verification.findings import Finding, Kind, found_by

FLAG_ON = """
with last as (
    select request.ref, request.closed_at from users_approvalrequest as request
    where request.act = 'flag.on' and request.subject_ref = %(flag)s and request.status = 'executed'
    order by request.closed_at desc limit 1
), turned as (
    select name, after ->> 'request' as ref from users_auditevent
    where name in ('flag.turned_on', 'flag.turned_off') order by id desc limit 1
)
select %(flag)s::text, 'is on without a request that two people carried'
from waffle_switch as switch left join last on true left join turned on true
where switch.name = %(flag)s and switch.active
    and (last.ref is null or turned.name is distinct from 'flag.turned_on' or turned.ref is distinct from last.ref)
"""


CARRIED = """
select from users_approvalrequest as request
where request.status = 'executed' and request.act = '{act}' and request.subject_ref = one.ref and {signed}
"""
# Filled with words of this module alone. What was there before the first two were let in was nobody's to approve.
ADDRESS = """
select one.ref, 'is an approved address without a request that two people carried' from settlement_payoutaddress as one
where one.approved_at >= (select min(secondary_approved_at) from users_user) and not exists ({carried})
""".format(  # noqa: S608
    carried=CARRIED.format(
        act="address.add",
        signed="(request.payload ->> 'chain', request.payload ->> 'address') = (one.chain, one.address) and"
        " one.usable_from >= request.closed_at + make_interval("
        "hours => (request.payload ->> 'cooling_hours')::integer) - interval '1 minute'",
    )
)
ACCOUNT = """
select one.ref, 'is an approved bank account without a request that two people carried'
from settlement_bankaccount as one
where one.approved_at is not null and not exists ({carried})
""".format(
    carried=CARRIED.format(
        act="bank_account.add",
        signed="request.payload = jsonb_build_object('currency', one.currency_id, 'number', one.number)",
    )
)
DEPOSIT = """
select one.ref, 'was credited without a request that two people carried' from settlement_deposit as one
where one.credited_at is not null and not exists ({carried}) and case when one.wallet_id is null then
    coalesce(one.amount >= (
        select threshold from users_approvalpolicy where act = 'deposit.confirm' and made_at <= one.credited_at
        order by version desc limit 1
    ), true)
else not exists (
    select from settlement_payoutaddress as address join settlement_wallet as wallet on wallet.chain = address.chain
    where wallet.id = one.wallet_id and address.address = one.sender and address.counterparty_id = one.client_id
        and address.approved_at <= one.credited_at and coalesce(address.revoked_at >= one.credited_at, true)
) end
""".format(  # noqa: S608
    carried=CARRIED.format(
        act="deposit.confirm",
        signed="(request.payload ->> 'amount')::numeric = one.amount and request.payload ->> 'client' ="
        " (select ref from users_counterparty where id = one.client_id)",
    )
)
WITHDRAWAL = """
select one.ref, 'goes out without a request that two people carried' from settlement_withdrawal as one
where one.status in ('approved', 'sent', 'paying', 'needs_review', 'confirmed', 'returned') and not exists ({carried})
""".format(
    carried=CARRIED.format(
        act="withdrawal.approve",
        signed="(request.payload ->> 'amount')::numeric = one.amount and request.payload ->> 'destination' = coalesce("
        "(select ref from settlement_bankaccount where id = one.account_id),"
        " (select ref from settlement_payoutaddress where id = one.address_id))",
    )
)
LP_PAYMENT = """
select one.ref, 'goes out without a request that two people carried' from settlement_lppayment as one
where one.direction = 'out' and one.status not in ('requested', 'declined') and not exists ({carried})
""".format(
    carried=CARRIED.format(
        act="lp_payment.approve",
        signed="(request.payload ->> 'amount')::numeric = one.amount and request.payload ->> 'destination' = coalesce("
        "(select ref from settlement_bankaccount where id = one.account_id),"
        " (select ref from settlement_payoutaddress where id = one.address_id))",
    )
)
LP_RECEIPT = """
select one.ref, 'is booked without a request that two people carried' from settlement_lppayment as one
where one.direction = 'in' and (one.status = 'confirmed' or one.received is not null) and not exists ({carried})
""".format(
    carried=CARRIED.format(
        act="lp_payment.receive",
        signed="(request.payload ->> 'amount')::numeric = one.received"
        " and request.payload ->> 'reference' = one.reference",
    )
)
CREDIT = """
select one.code, 'has another credit line than two people carried' from settlement_ledgeraccount as one
join settlement_asset as asset on asset.code = one.asset_id
where one.credit_minor <> coalesce((
    select (request.payload ->> 'credit')::numeric * power(10::numeric, asset.scale)
    from users_approvalrequest as request join users_counterparty as party on party.ref = request.subject_ref
    where request.act = 'credit.change' and request.status = 'executed' and party.id = one.counterparty_id
        and request.payload ->> 'currency' = one.asset_id
    order by request.closed_at desc limit 1
), 0)
"""
BY_HAND = """
select one.ref, 'was settled by hand without a request that two people carried' from (
    select id as settlement_id, null::bigint as withdrawal_id, null::bigint as lp_payment_id, ref, status
    from settlement_settlement
    union all select null, id, null, ref, status from settlement_withdrawal
    union all select null, null, id, ref, status from settlement_lppayment
) as one
left join settlement_manualpayment as payment on payment.settlement_id = one.settlement_id
    or payment.withdrawal_id = one.withdrawal_id or payment.lp_payment_id = one.lp_payment_id
where (one.status = 'settled_manually' or payment.id is not null) and not exists (
    select from users_approvalrequest as request
    where request.status = 'executed' and request.id = payment.request_id and request.subject_ref = one.ref
        and request.act in (
            'settlement.settle_manually', 'settlement.take_other', 'withdrawal.take_other', 'lp_payment.take_other'
        ) and one.status in ('settled_manually', 'confirmed')
        and payment.reference = coalesce(request.payload ->> 'transaction', request.payload ->> 'bank_reference')
)
"""
REFERENCE = """
select one.ref, concat('is booked by the payment ', one.reference, ', which is booked as ',
    coalesce(other.booked_as, 'nothing'))
from (
    select ref, 'in' as way, bank_reference as reference from settlement_deposit
    union all select ref, 'out', return_reference from settlement_deposit
    union all select ref, 'out', bank_reference from settlement_withdrawal
    union all select ref, 'in', return_reference from settlement_withdrawal
    union all select ref, direction, reference from settlement_lppayment
    union all select ref, 'in', return_reference from settlement_lppayment
    union all select due.ref, 'out', payment.reference from settlement_manualpayment as payment
        cross join lateral settlement_due(payment.settlement_id, payment.withdrawal_id, payment.lp_payment_id) as due
) as one
left join settlement_bookedreference as other
    on (other.way, other.reference) = (one.way, settlement_reference_key(one.reference))
where one.reference is not null and other.booked_as is distinct from one.ref
"""
# A wallet that was paused pays again by a request that was carried after its last pause, or is still paused.
WALLET_OPENED = """
select wallet.name, 'pays again without a request that two people carried' from settlement_wallet as wallet
join lateral (
    select id from users_auditevent where name = 'wallet.paused' and subject_ref = wallet.name order by id desc limit 1
) as paused on true
where wallet.paused_at is null and not exists (
    select from users_auditevent as resumed
    join users_approvalrequest as request on request.ref = resumed.after ->> 'request'
    where resumed.name = 'wallet.resumed' and resumed.subject_ref = wallet.name and resumed.id > paused.id
        and (request.act, request.subject_ref, request.status) = ('wallet.resume', wallet.name, 'executed')
)
"""
WALLET_LIMITS = """
select concat('limits of wallets v', one.version), 'hold without a request that two people carried'
from settlement_walletpolicy as one
where one.version > 1 and not exists (
    select from users_approvalrequest as request
    where request.status = 'executed' and request.act = 'wallet_policy.change' and one.limits = (
        select coalesce(jsonb_object_agg(chain, terms), '{}'::jsonb) from (
            select substr(term.key, position('_' in term.key) + 1) as chain,
                jsonb_object_agg(split_part(term.key, '_', 1), term.value) as terms
            from jsonb_each(request.payload) as term where (term.value #>> '{}')::numeric > 0 group by 1
        ) as limited
    )
)
"""
CHECKS = (
    CREDIT,
    WALLET_OPENED,
    WALLET_LIMITS,
    REFERENCE,
    BY_HAND,
    FLAG_ON,
    ADDRESS,
    ACCOUNT,
    DEPOSIT,
    WITHDRAWAL,
    LP_PAYMENT,
    LP_RECEIPT,
    *steps_verification.CHECKS,
)


def check() -> Iterable[Finding]:
    """All that takes two people to move or allow money, against the requests that they carried."""
    return found_by(Kind.UNRECONCILED, CHECKS, {"flag": autosettle.FLAG})


def register() -> None:
    """Let every verification look at it."""
    verification.register(check)
