"""The chain's answers, as acts on what is paid on chain take them for a proof."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from settlement import transactions
from settlement.models import Payable, PaymentCheck, Transfer
from settlement.operations.sending import FOLLOWED
from settlement.transactions import PaymentNotVerified
from trading.lib.errors import Conflict
from users.acts import Check, Payload
from users.own_acts.base import BadPayload


class NotInReview(Conflict):
    """Nothing about it has to be decided by people."""

    code = "not_in_review"
    text = lazy("{ref} is not in review: it is {status}.")


class StillFollowed(Conflict):
    """Its chain undid what was final, and the same bytes are on their way again."""

    code = "still_followed"
    text = lazy("{ref} is sent again by itself as it was signed. People decide when the chain has refused it for good.")


def require_in_review(row: Payable) -> None:
    """
    Refuse what is not in review, or what is doubted only until its payment is final again.

    :raises NotInReview: it is not.
    :raises StillFollowed: the desk sends its payment again by itself.
    """
    if row.status != "needs_review":
        raise NotInReview(ref=row.ref, status=row.get_status_display())
    if Transfer.objects.filter(**{row.word: row}, status__in=FOLLOWED).exists():
        raise StillFollowed(ref=row.ref)


def verified(row: Payable, payload: Payload, *, kind: str, field: str = "check") -> PaymentCheck:
    """
    The check of this that the details name, if the chain confirmed it.

    :raises BadPayload: none of it and of this kind.
    :raises PaymentNotVerified: the chain did not confirm it, or not yet.
    """
    found = PaymentCheck.objects.select_related("wallet__account").filter(**{row.word: row}, kind=kind)
    check = found.filter(ref=str(payload.get(field))).first()
    if check is None:
        raise BadPayload(field=field)
    if check.status != PaymentCheck.Status.VERIFIED:
        raise PaymentNotVerified(answer=answer_of(check))
    return check


def void_of(row: Payable, payload: Payload, *, others: Iterable[str] = ()) -> PaymentCheck:
    """
    The check that says that the last payment of what is in review can never happen any more.

    :param others: what else the details name.

    :raises NotInReview: it is not (any more).
    :raises BadPayload: no check of its last payment.
    :raises PaymentNotVerified: the chain did not say so.
    """
    require_in_review(row)
    if set(payload) != {"check", *others}:
        raise BadPayload(field="terms")
    check = verified(row, payload, kind=PaymentCheck.Kind.VOID)
    last = Transfer.objects.filter(**{row.word: row}).order_by("-generation").values_list("pk", flat=True).first()
    if check.transfer_id != last:
        raise BadPayload(field="check")
    return check


def answer_of(check: PaymentCheck) -> str:
    """What the chain said, for people to read."""
    return str(transactions.ANSWERS.get(check.reason, check.get_status_display()))


def shown(check: PaymentCheck) -> Check:
    """A check among those that the people who decide read."""
    tone = {"verified": "ok", "refused": "bad"}.get(check.status, "info")
    words = answer_of(check)
    if check.status == PaymentCheck.Status.VERIFIED and check.kind == PaymentCheck.Kind.PAID:
        facts = {"block": check.block_number, "wallet": check.wallet}
        words = _("Final in block %(block)s, out of %(wallet)s") % facts
    elif check.status == PaymentCheck.Status.VERIFIED:
        words = _("What was signed can never happen any more")
    return Check(tone, check.get_status_display(), check.transaction or check.ref, words, check.updated_at)
