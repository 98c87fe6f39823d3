"""
What a chain undid after it was final is doubted, and leaves the review as everything does: by two, with the books right.

And nothing is delivered by a payment on chain without a transfer that is final. Refusals begin with a code (ST17, ST18,
RV07; the others as before).
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import function_back, replaced, transitions_changed

WITHDRAWAL = import_module("settlement.migrations.0011_withdrawal_rules")
LP = import_module("settlement.migrations.0015_lp_payment_rules")
BY_HAND = import_module("settlement.migrations.0018_by_hand_rules")
NETTING = import_module("settlement.migrations.0030_lp_netting")
REVERSAL = import_module("settlement.migrations.0033_reversal_rules")
REVIEW = import_module("settlement.migrations.0037_review_of_all_rules")
REFERENCES = import_module("settlement.migrations.0039_reference_rules")
RECONCILING = import_module("settlement.migrations.0041_reconciling_rules")


def changed(statements: str, name: str, *parts: tuple[str, str]) -> str:
    """A function of an earlier migration with some of its text replaced."""
    found = replaced(f"create or replace function {name}", statements).reverse_sql
    assert isinstance(found, str)  # noqa: S101 - one statement
    for old, new in parts:
        if found.count(old) != 1:
            raise ValueError(f"{name} does not say once: {old}")
        found = found.replace(old, new)
    return found


# Whether a payment of it was final once: then its delivery is booked, whatever the chain says by now.
DELIVERED = """
create function settlement_was_delivered(kind text, owner bigint) returns boolean language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select exists (
        select from settlement_transfer where final_at is not null and owner = case kind
            when 'settlement' then settlement_id when 'withdrawal' then withdrawal_id else lp_payment_id end
    )
$$;

create function settlement_has_transfer(kind text, owner bigint, wanted text[]) returns boolean language sql stable
    security definer set search_path = pg_catalog, public, pg_temp as $$
    select exists (
        select from settlement_transfer where status = any(wanted) and owner = case kind
            when 'settlement' then settlement_id when 'withdrawal' then withdrawal_id else lp_payment_id end
    )
$$;
"""
DELIVERED_BACK = function_back(
    "settlement_has_transfer(text, bigint, text[])", "settlement_was_delivered(text, bigint)"
)

# From paying to delivered only with a final transfer; from delivered into doubt only when a transfer of it is no more.
FINAL = """
create function settlement_final_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    kind text := tg_argv[0];
begin
    if old.status = 'paying' and new.status in ('settled', 'confirmed')
        and not settlement_has_transfer(kind, new.id, array['final']) then
        raise exception 'ST17 % is paid by no transfer that is final', new.ref using errcode = '42501';
    end if;
    if old.status in ('settled', 'confirmed') and new.status = 'needs_review' and (
        not settlement_was_delivered(kind, new.id) or settlement_has_transfer(kind, new.id, array['final'])
    ) then
        raise exception 'ST18 % was not undone by its chain', new.ref using errcode = '42501';
    end if;
    return new;
end $$;
create trigger final before update of status on settlement_settlement
    for each row when (new.status <> old.status) execute function settlement_final_guard('settlement');
create trigger final before update of status on settlement_withdrawal
    for each row when (new.status <> old.status) execute function settlement_final_guard('withdrawal');
create trigger final before update of status on settlement_lppayment
    for each row when (new.status <> old.status) execute function settlement_final_guard('lp_payment');
"""
FINAL_BACK = (
    "drop trigger final on settlement_lppayment; drop trigger final on settlement_withdrawal;"
    " drop trigger final on settlement_settlement;" + function_back("settlement_final_guard()")
)

TRANSFER = changed(
    REVIEW.TRANSFER,
    "settlement_transfer_guard",
    (
        "(users_executed_here(due.kind || '.resend', due.ref)).payload ->> 'check',",
        "(users_executed_here(due.kind || '.resend', due.ref)).payload ->> 'check',\n"
        "                    (users_executed_here(due.kind || '.take_other', due.ref)).payload ->> 'check',",
    ),
)
OWNER = changed(
    REVIEW.OWNER,
    "settlement_review_guard",
    (
        "        when new.status in ('settled', 'confirmed') then kind || '.confirm_payment'\n",
        "        when new.status = 'settled_manually' or new.status = 'confirmed' and exists (\n"
        "            select from settlement_manualpayment as payment\n"
        "            where new.id in (case kind when 'withdrawal' then payment.withdrawal_id end,\n"
        "                case kind when 'lp_payment' then payment.lp_payment_id end)\n"
        "        ) then kind || '.take_other'\n"
        "        when new.status in ('settled', 'confirmed') then kind || '.confirm_payment'\n",
    ),
    (
        "    if new.status = 'settled' and to_jsonb(old) ->> 'settled_at' is not null and exists (\n"
        "        select from settlement_transfer where settlement_id = new.id and status = 'final'\n"
        "    ) then\n",
        "    if new.status in ('settled', 'confirmed') and settlement_has_transfer(kind, new.id, array['final']) then\n",
    ),
)
TOOK_EFFECT = changed(
    REVIEW.TOOK_EFFECT,
    "settlement_review_took_effect",
    (
        "        else case split_part(new.act, '.', 1) when 'settlement' then 'settled' else 'confirmed' end\n",
        "        when 'take_other' then case split_part(new.act, '.', 1) when 'settlement' then 'settled_manually'"
        " else 'confirmed' end\n"
        "        else case split_part(new.act, '.', 1) when 'settlement' then 'settled' else 'confirmed' end\n",
    ),
)
ACTS = f"{REVIEW.OF_SETTLEMENTS}, {REVIEW.OF_OTHERS}"
MORE_ACTS = f"{ACTS}, 'settlement.take_other', 'withdrawal.take_other', 'lp_payment.take_other'"

# What paid it instead: a verified transaction that has paid nothing else, after what was signed was given up.
PAYMENT = """
create or replace function settlement_payment_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    due record;
    one settlement_settlement;
    request users_approvalrequest;
    used text;
begin
    select kind, ref into strict due
    from settlement_due(new.settlement_id, new.withdrawal_id, new.lp_payment_id);
    select * into one from settlement_settlement where id = new.settlement_id;
    request := users_executed_here(due.kind || '.take_other', due.ref);
    if request.id is null and due.kind = 'settlement' then
        request := users_executed_here('settlement.settle_manually', due.ref);
    end if;
    if request.id is null then
        raise exception 'ST06 % is settled by hand only by a request that two people carried', due.ref
            using errcode = '42501';
    end if;
    if not exists (
        select from settlement_paymentcheck as asked
        where asked.id = new.check_made_id
            and (asked.settlement_id, asked.withdrawal_id, asked.lp_payment_id)
                is not distinct from (new.settlement_id, new.withdrawal_id, new.lp_payment_id)
            and (asked.kind, asked.status, asked.transaction) = ('paid', 'verified', new.reference)
            and case when request.act like '%.take_other'
                then request.payload - 'check' = jsonb_build_object('payment', asked.ref, 'transaction', new.reference)
                else request.payload = jsonb_build_object('check', asked.ref, 'transaction', new.reference) end
        union all
        select from settlement_bankaccount as account
        where account.id = new.account_id and one.side = 'sell'
            and (account.counterparty_id, account.currency_id) = (one.client_id, one.quote_asset_id)
            and account.approved_at is not null and account.ended_at is null
            and request.payload = jsonb_build_object('account', account.ref, 'bank_reference', new.reference)
    ) then
        raise exception 'ST07 % is not the payment that two people agreed on', new.reference using errcode = '42501';
    end if;
    if request.act like '%.take_other' and exists (
        select from settlement_transfer where status <> 'abandoned' and (
            settlement_id = new.settlement_id or withdrawal_id = new.withdrawal_id or lp_payment_id = new.lp_payment_id
        )
    ) then
        raise exception 'ST12 % may still be paid', due.ref using errcode = '42501';
    end if;
    used := settlement_reference_used(new.reference);
    if used is not null then
        raise exception 'ST08 % has paid % already', new.reference, used using errcode = '23505';
    end if;
    new.request_id := request.id;
    new.made_at := clock_timestamp();
    return new;
end $$;
"""
WALLET = changed(
    RECONCILING.WALLET,
    "settlement_wallet_guard",
    (
        "            join settlement_settlement as settlement on settlement.id = asked.settlement_id\n",
        "            cross join lateral settlement_due(asked.settlement_id, asked.withdrawal_id, asked.lp_payment_id) as due\n",
    ),
    (
        "                and asked.ref = (\n"
        "                    users_executed_here('settlement.settle_manually', settlement.ref)\n"
        "                ).payload ->> 'check'\n",
        "                and asked.ref in ((users_executed_here('settlement.settle_manually', due.ref)).payload ->> 'check',\n"
        "                    (users_executed_here(due.kind || '.take_other', due.ref)).payload ->> 'payment')\n",
    ),
)
STEPS = changed(
    BY_HAND.STEPS,
    "settlement_step_guard",
    (
        "            and request_id = (users_executed_here('settlement.settle_manually', new.ref)).id\n",
        "            and request_id in ((users_executed_here('settlement.settle_manually', new.ref)).id,\n"
        "                (users_executed_here('settlement.take_other', new.ref)).id)\n",
    ),
)
# Of a withdrawal and of an LP payment: booked as sent, either now or before its chain undid it; then the wallet's leg.
POSTED = """
create or replace function settlement_by_hand_posted() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    one settlement_settlement;
    due record;
    key text;
begin
    select kind, ref, status, amount_minor / power(10::numeric, 6) as amount into strict due
    from settlement_due(new.settlement_id, new.withdrawal_id, new.lp_payment_id);
    select * into one from settlement_settlement where id = new.settlement_id;
    key := case
        when settlement_was_delivered(due.kind, coalesce(new.settlement_id, new.withdrawal_id, new.lp_payment_id))
            then 'paid-again:' || due.ref || ':' || (select ref from settlement_paymentcheck where id = new.check_made_id)
        when due.kind = 'settlement' then 'delivery:' || due.ref
        when due.kind = 'withdrawal' then 'withdrawal-sent:' || due.ref
        else 'lp-payment:' || due.ref
    end;
    if due.status <> (case due.kind when 'settlement' then 'settled_manually' else 'confirmed' end)
        or new.check_made_id is not null and not settlement_is_posted(key, 'hot', null, 'USDT', -due.amount)
        or one.side = 'buy' and not settlement_is_posted(
            'delivery:' || one.ref, 'client', one.client_id, one.quote_asset_id, one.quote_amount
        )
        or one.side = 'sell' and not (
            settlement_is_posted(key, 'client', one.client_id, 'USDT', one.base_amount)
            and settlement_is_posted(key, 'bank', null, one.quote_asset_id, -one.quote_amount)
        ) then
        raise exception 'ST09 % is settled by hand without its journal', due.ref using errcode = '23514';
    end if;
    return null;
end $$;
"""
BOOKED = changed(
    REFERENCES.BOOKING,
    "settlement_book_reference",
    (
        "                (select ref from settlement_settlement where id = (now_is ->> 'settlement_id')::bigint)\n",
        "                (select ref from settlement_due((now_is ->> 'settlement_id')::bigint,"
        " (now_is ->> 'withdrawal_id')::bigint, (now_is ->> 'lp_payment_id')::bigint))\n",
    ),
)

# What was delivered before its chain undid it holds nothing any more, and is under way to nobody a second time.
SENT = changed(
    WITHDRAWAL.GUARD,
    "settlement_withdrawal_posted",
    (
        "        when new.status in ('requested', 'approved', 'paying', 'needs_review') then -total else 0\n",
        "        when settlement_was_delivered('withdrawal', new.id) then 0\n"
        "        when new.status in ('requested', 'approved', 'paying', 'needs_review') then -total else 0\n",
    ),
    (
        "            and not settlement_is_posted(sent, 'client', new.client_id, new.asset_id, total)\n",
        "            and not settlement_is_posted(sent, 'client', new.client_id, new.asset_id, total)\n"
        "        or new.status = 'declined' and settlement_was_delivered('withdrawal', new.id)\n"
        "            and not settlement_is_posted('reversal:' || sent, 'client', new.client_id, new.asset_id, -total)\n",
    ),
)
LP_SENT = changed(
    LP.GUARD,
    "settlement_lppayment_posted",
    (
        "        ) or new.status = 'returned' and not settlement_is_posted(\n",
        "        ) or new.status = 'declined' and settlement_was_delivered('lp_payment', new.id)\n"
        "            and not settlement_is_posted(\n"
        "                'reversal:lp-payment:' || new.ref, 'lp', new.lp_id, new.asset_id, -new.amount\n"
        "        ) or new.status = 'returned' and not settlement_is_posted(\n",
    ),
)
LP_GUARD = changed(
    LP.GUARD,
    "settlement_lppayment_guard",
    (
        "    if is_step and pays then\n",
        "    if is_step and pays and not settlement_was_delivered('lp_payment', new.id) then\n",
    ),
)
OPEN = changed(
    NETTING.OPEN,
    "settlement_lp_open",
    (
        "                and status in ('requested', 'approved', 'paying', 'needs_review')\n",
        "                and status in ('requested', 'approved', 'paying', 'needs_review')\n"
        "                and not settlement_was_delivered('lp_payment', id)\n",
    ),
)

# A delivery that its chain undid is booked back by the act that ends it, whole.
REVERSING = changed(
    REVERSAL.JOURNAL,
    "settlement_reversing_guard",
    (
        "            and (users_executed_here('fill.reverse', one.ref)).id is not null\n    ) then\n",
        "            and (users_executed_here('fill.reverse', one.ref)).id is not null\n"
        "        union all\n"
        "        select from settlement_journal as original\n"
        "        join (\n"
        "            select 'settlement' as kind, id, ref from settlement_settlement\n"
        "            union all select 'withdrawal', id, ref from settlement_withdrawal\n"
        "            union all select 'lp_payment', id, ref from settlement_lppayment\n"
        "        ) as ended on ended.ref = original.subject\n"
        "        where original.id = new.reverses_id and original.kind in ('accrual', 'delivery', 'withdrawal_sent',"
        " 'lp_payment', 'wallet_undone', 'paid_again')\n"
        "            and (new.kind, new.subject, new.key) = ('reversal', ended.ref, 'reversal:' || original.key)\n"
        "            and settlement_was_delivered(ended.kind, ended.id)\n"
        "            and (users_executed_here(settlement_ends_by(ended.kind), ended.ref)).id is not null\n"
        "    ) then\n",
    ),
)
EXACT = """
create function settlement_reversed_exactly() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if exists (
        select from settlement_entry as entry
        where entry.journal_id = new.id or entry.journal_id = new.reverses_id and entry.layer = 'P'
        group by entry.account_id, entry.layer having sum(entry.amount) <> 0
    ) then
        raise exception 'RV07 % takes back another amount than was booked', new.key using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger reversed_exactly after insert on settlement_journal
    deferrable initially deferred for each row when (new.reverses_id is not null)
    execute function settlement_reversed_exactly();
"""
EXACT_BACK = "drop trigger reversed_exactly on settlement_journal;" + function_back("settlement_reversed_exactly()")

OF_SETTLEMENT = REVERSAL.BEFORE | {"settled": ["needs_review", "reversed"]}


class Migration(migrations.Migration):
    dependencies = [("settlement", "0045_paid_otherwise")]
    operations = [
        migrations.RunSQL(DELIVERED, DELIVERED_BACK),
        migrations.RunSQL(FINAL, FINAL_BACK),
        replaced(TRANSFER, REVIEW.TRANSFER),
        replaced(OWNER, REVIEW.OWNER),
        replaced(TOOK_EFFECT, REVIEW.TOOK_EFFECT),
        migrations.RunSQL(REVIEW.DECIDED.format(acts=MORE_ACTS), REVIEW.DECIDED.format(acts=ACTS)),
        replaced(PAYMENT, BY_HAND.PAYMENT),
        replaced(WALLET, RECONCILING.WALLET),
        replaced(STEPS, BY_HAND.STEPS),
        replaced(POSTED, BY_HAND.POSTED),
        replaced(BOOKED, REFERENCES.BOOKING),
        replaced(SENT, WITHDRAWAL.GUARD),
        replaced(LP_SENT, LP.GUARD),
        replaced(LP_GUARD, LP.GUARD),
        replaced(OPEN, NETTING.OPEN),
        replaced(REVERSING, REVERSAL.JOURNAL),
        migrations.RunSQL(EXACT, EXACT_BACK),
        transitions_changed(
            "settlement_settlement",
            before=(REVERSAL.INITIAL, OF_SETTLEMENT),
            after=(
                REVERSAL.INITIAL,
                OF_SETTLEMENT | {"needs_review": ["paying", "settled", "settled_manually", "cancelled"]},
            ),
        ),
        *(
            transitions_changed(
                table,
                before=(REVIEW.INITIAL, before | REVIEW.AFTER_REVIEW),
                after=(REVIEW.INITIAL, before | REVIEW.AFTER_REVIEW | {"confirmed": ["returned", "needs_review"]}),
            )
            for table, before in (
                ("settlement_withdrawal", REVIEW.OF_WITHDRAWAL),
                ("settlement_lppayment", REVIEW.OF_LP_PAYMENT),
            )
        ),
    ]
