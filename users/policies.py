"""How each act is decided, until two people change it: the first version of every policy."""

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid
from users.models import Role

SHORTEST_REASON, LONGEST_REASON = 20, 1000
# Blanks of any script: separators, controls, joiners, marks of direction, fillers, private use. In the
# database `desk_meaningful` holds the same list; a test compares the two letter by letter.
BLANK = re.compile(
    r"[\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    r"\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000"
    r"\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    r"\U000f0000-\U0010ffff]"
)
NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")


class MeaninglessReason(Invalid):
    """The reason has too few characters that are not blank, or too many."""

    code = "reason_too_short"
    text = _(
        "Reason: write at least {shortest} characters (blanks do not count) so an auditor can follow the decision."
    )


@dataclass(frozen=True, slots=True)
class Policy:
    """The terms of one act's decision."""

    proposers: tuple[str, ...]
    expires_after: timedelta
    approver: str = Role.APPROVER
    quorum: int = 1
    execute_within: timedelta = timedelta(hours=1)
    step_up_within: timedelta = timedelta(minutes=5)
    threshold: Decimal | None = None  # below it one person may; nothing: always two


DAY = timedelta(days=1)
FIRST: dict[str, Policy] = {
    "user.approve": Policy((Role.OPS,), DAY),
    "user.reject": Policy((Role.OPS,), DAY),
    "user.reopen": Policy((Role.OPS,), DAY),
    "user.reactivate": Policy((Role.OPS,), DAY),
    "role.grant": Policy((Role.ADMIN,), 7 * DAY),
    "key.issue": Policy((Role.ADMIN,), DAY),
    "password.reset": Policy((Role.OPS,), DAY),
    "device.reset": Policy((Role.OPS,), DAY),
    "telegram.relink": Policy((Role.OPS,), DAY),
    "scope.widen": Policy((Role.ADMIN,), DAY),
    "policy.change": Policy((Role.ADMIN,), 7 * DAY),
    "second_factor.change": Policy((Role.ADMIN,), 7 * DAY),
    "terms.change": Policy((Role.ADMIN, Role.OPS), DAY),
    "hours.change": Policy((Role.ADMIN, Role.OPS), DAY),
    "lp_terms.change": Policy((Role.ADMIN, Role.OPS), DAY),
    "pair.open": Policy((Role.ADMIN, Role.OPS), DAY),
    "pair.change": Policy((Role.ADMIN, Role.OPS), DAY),
    "pair.resume": Policy((Role.ADMIN, Role.OPS), timedelta(hours=2)),
    "desk.resume": Policy((Role.ADMIN, Role.OPS), timedelta(hours=2)),
    "lp.resume": Policy((Role.ADMIN, Role.OPS), timedelta(hours=2)),
    "client.unfreeze": Policy((Role.ADMIN, Role.OPS), DAY),
    "address.add": Policy((Role.ADMIN, Role.OPS), DAY),
    "bank_account.add": Policy((Role.ADMIN, Role.OPS), DAY),
    "deposit.confirm": Policy((Role.ADMIN, Role.OPS), DAY, threshold=Decimal(50_000)),
    "deposit.return": Policy((Role.ADMIN, Role.OPS), DAY),
    "deposit.take_own": Policy((Role.OPS,), DAY),
    "deposit.take_off": Policy((Role.OPS,), DAY),
    "withdrawal.approve": Policy((Role.ADMIN, Role.OPS), DAY),
    "withdrawal.return": Policy((Role.ADMIN, Role.OPS), DAY),
    "lp_payment.approve": Policy((Role.ADMIN, Role.OPS), DAY),
    "lp_payment.receive": Policy((Role.ADMIN, Role.OPS), DAY),
    "lp_payment.return": Policy((Role.ADMIN, Role.OPS), DAY),
    "credit.change": Policy((Role.ADMIN, Role.OPS), DAY),
    "flag.on": Policy((Role.ADMIN, Role.OPS), timedelta(hours=2)),
    "transfers.resume": Policy((Role.ADMIN, Role.OPS), timedelta(hours=2)),
    "wallet.resume": Policy((Role.ADMIN, Role.OPS), timedelta(hours=2)),
    "settlement.release": Policy((Role.OPS,), timedelta(hours=2)),
    "settlement.cancel": Policy((Role.OPS,), timedelta(hours=2)),
    "settlement.settle_manually": Policy((Role.OPS,), timedelta(hours=2)),
    "settlement.resend": Policy((Role.OPS,), timedelta(hours=2)),
    "settlement.confirm_payment": Policy((Role.OPS,), timedelta(hours=2)),
    "settlement.take_other": Policy((Role.OPS,), timedelta(hours=2)),
    "withdrawal.resend": Policy((Role.OPS,), timedelta(hours=2)),
    "withdrawal.confirm_payment": Policy((Role.OPS,), timedelta(hours=2)),
    "withdrawal.take_other": Policy((Role.OPS,), timedelta(hours=2)),
    "withdrawal.give_up": Policy((Role.OPS,), timedelta(hours=2)),
    "lp_payment.resend": Policy((Role.OPS,), timedelta(hours=2)),
    "lp_payment.confirm_payment": Policy((Role.OPS,), timedelta(hours=2)),
    "lp_payment.take_other": Policy((Role.OPS,), timedelta(hours=2)),
    "lp_payment.give_up": Policy((Role.OPS,), timedelta(hours=2)),
    "ledger.adjust": Policy((Role.OPS,), DAY),
    "fill.reverse": Policy((Role.OPS,), DAY),
    "backlog.release": Policy((Role.ADMIN, Role.OPS), timedelta(hours=2)),
    "settlement_policy.change": Policy((Role.ADMIN,), 7 * DAY),
    "withdrawal_policy.change": Policy((Role.ADMIN,), 7 * DAY),
    "wallet_policy.change": Policy((Role.ADMIN,), 7 * DAY),
    "alert_rule.change": Policy((Role.ADMIN, Role.OPS), 7 * DAY),
}


def require_meaningful(reason: str) -> str:
    """
    The reason without blanks at its ends, and without what is no text at all (NUL, halves of letters).

    :raises MeaninglessReason: fewer than 20 characters that are not blank in any script, or over 1000.
    """
    words = NOT_TEXT.sub("", reason).strip()
    if len(BLANK.sub("", words)) < SHORTEST_REASON or len(words) > LONGEST_REASON:
        raise MeaninglessReason(shortest=SHORTEST_REASON, longest=LONGEST_REASON)
    return words
