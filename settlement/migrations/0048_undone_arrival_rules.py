"""
What came on a chain and was booked may be undone by it; it is there again by itself, or taken off by two. And what is
the firm's own leaves suspense by two.

Refusals begin with a code (MN42; the others as before).
"""

from importlib import import_module

from django.db import migrations

from trading.lib.schema import only_changes_changed, replaced, transitions_changed

changed = import_module("settlement.migrations.0046_undone_rules").changed
DEPOSITS = import_module("settlement.migrations.0009_deposit_rules")
ARRIVALS = import_module("settlement.migrations.0043_arrival_rules")

BACK = """    if old.status = 'undone' and new.status in ('credited', 'suspense')
        and (new.status = 'credited') <> (old.credited_at is not null) then
        raise exception 'MN42 % is booked as it was', new.ref using errcode = '42501';
    end if;
    if old.status <> new.status and (new.status = 'taken_off' or new.status = 'left_out' and new.reason = 'own_funds') then
        request := users_executed_here(
            case new.status when 'taken_off' then 'deposit.take_off' else 'deposit.take_own' end, new.ref
        );
        if not coalesce((request.payload ->> 'amount')::numeric = new.amount
            and request.payload ->> 'transaction' = new.tx_hash, false) then
            raise exception 'MN42 % is % only by a request that two people carried', new.ref, new.status
                using errcode = '42501';
        end if;
    end if;
"""
GUARD = changed(
    ARRIVALS.GUARD,
    "settlement_deposit_guard",
    (
        "        or old.status not in ('seen', 'gone')\n",
        "        or old.status not in ('seen', 'gone', 'undone')\n",
    ),
    (
        "    if new.wallet_id is not null and new.status <> old.status then\n",
        BACK + "    if new.wallet_id is not null and new.status <> old.status and old.status <> 'undone' then\n",
    ),
    (
        "    if new.status <> old.status and new.status = 'credited' then\n",
        "    if new.status <> old.status and new.status = 'credited' and old.status <> 'undone' then\n",
    ),
)
POSTED = changed(
    ARRIVALS.GUARD,
    "settlement_deposit_posted",
    (
        "            'deposit-left-out:' || new.ref, 'suspense', null, new.asset_id, new.amount\n        ) then\n",
        "            'deposit-left-out:' || new.ref, 'suspense', null, new.asset_id, new.amount\n"
        "        ) or new.status = 'taken_off' and not (\n"
        "            settlement_is_posted('deposit-undone:' || new.ref, 'hot', null, new.asset_id, -new.amount)\n"
        "            and case (users_executed_here('deposit.take_off', new.ref)).payload ->> 'bearer'\n"
        "                when 'firm' then\n"
        "                    settlement_is_posted('deposit-undone:' || new.ref, 'capital', null, new.asset_id, new.amount)\n"
        "                else settlement_is_posted(\n"
        "                    'deposit-undone:' || new.ref, kind, new.client_id, new.asset_id, new.amount\n"
        "                ) end\n"
        "        ) then\n",
    ),
    (
        "        when 'lp_payment' then settlement_is_of_lp(new)\n",
        "        when 'lp_payment' then settlement_is_of_lp(new)\n"
        "        when 'own_funds' then settlement_is_posted(\n"
        "            'deposit-left-out:' || new.ref, 'capital', null, new.asset_id, -new.amount\n"
        "        )\n",
    ),
)
TOOK_EFFECT = changed(
    DEPOSITS.TOOK_EFFECT,
    "settlement_deposit_took_effect",
    (
        "case new.act when 'deposit.confirm' then 'credited' else 'returned' end",
        "case new.act when 'deposit.confirm' then 'credited' when 'deposit.take_own' then 'left_out'"
        " when 'deposit.take_off' then 'taken_off' else 'returned' end",
    ),
)
DECIDED = """
drop trigger deposit_took_effect on users_approvalrequest;
create constraint trigger deposit_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row
    when (new.status = 'executed' and new.act in ({acts}))
    execute function settlement_deposit_took_effect();
"""
ACTS = "'deposit.confirm', 'deposit.return'"

CHANGES = (*ARRIVALS.CHANGES, "block_number", "log_index", "final_at", "reason")
INITIAL, BEFORE = ARRIVALS.WITH_CHAIN


class Migration(migrations.Migration):
    dependencies = [("settlement", "0047_undone_arrivals")]
    operations = [
        replaced(GUARD, ARRIVALS.GUARD),
        replaced(POSTED, ARRIVALS.GUARD),
        replaced(TOOK_EFFECT, DEPOSITS.TOOK_EFFECT),
        migrations.RunSQL(
            DECIDED.format(acts=f"{ACTS}, 'deposit.take_own', 'deposit.take_off'"), DECIDED.format(acts=ACTS)
        ),
        transitions_changed(
            "settlement_deposit",
            before=(INITIAL, BEFORE),
            after=(
                INITIAL,
                BEFORE
                | {
                    "suspense": ["credited", "returned", "left_out", "undone"],
                    "credited": ["returned", "undone"],
                    "undone": ["credited", "suspense", "taken_off"],
                },
            ),
        ),
        only_changes_changed("settlement_deposit", before=CHANGES, after=(*CHANGES, "looked_at")),
    ]
