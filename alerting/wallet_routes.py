"""What operations hears of at once about wallets: one stopped by itself, a final payment that its chain undid."""

from collections.abc import Iterator

from django.utils.translation import gettext, gettext_noop

from alerting.models import OutboundMessage
from alerting.readers import Route, Routing, readers
from rfq.cards import Voice
from settlement import arrival_reasons, pauses
from trading.lib.chat import message
from users.models import Role, User

ALARMED = (Role.OPS, Role.ADMIN)
ALARMS = {
    "wallet.paused": gettext_noop("A wallet is paused: it signs nothing until two people open it."),
    "transfer.nonce_filled": gettext_noop("A payment in review left a gap: an empty transaction fills it."),
    "deposit.undone": gettext_noop("A deposit that was final is not on its chain any more."),
    "transfer.undone": gettext_noop("A payment that was final is not on its chain any more."),
}
TOLD_ELSEWHERE = {pauses.DIFFERENCE, pauses.RESTORED}  # with what differs; with the restore
SUSPENSE = "deposit.of_unknown"


def alarm(routing: Routing) -> Iterator[OutboundMessage]:
    """Operations and administrators, unless one of them did it."""
    event = routing.event
    if event.actor_id is not None or event.reason in TOLD_ELSEWHERE:
        return
    wallet = event.after.get("wallet", "") if event.name != "wallet.paused" else ""

    def write(_voice: Voice) -> str:
        context = {
            "what": gettext(ALARMS[event.name]),
            "ref": event.subject_ref,
            "wallet": wallet,
            "reason": event.reason,
        }
        return message("telegram/wallet_alarm.html", context)

    told = User.objects.filter(role_grants__role__in=ALARMED, role_grants__revoked_at=None)
    for reader in readers(told.distinct()):
        yield routing.alarm(reader, write)


def of_unknown(routing: Routing) -> Iterator[OutboundMessage]:
    """Operations, of what came on a chain and nobody can be credited with; what came by bank one of them wrote down."""
    event = routing.event
    if event.actor_id is not None or event.reason == arrival_reasons.BELOW_MINIMUM:
        return

    def write(_voice: Voice) -> str:
        context = {
            "ref": event.subject_ref,
            "amount": event.after["amount"],
            "reason": arrival_reasons.words(event.reason),
        }
        return message("telegram/deposit_in_suspense.html", context)

    told = User.objects.filter(role_grants__role=Role.OPS, role_grants__revoked_at=None)
    for reader in readers(told.distinct()):
        yield routing.text(reader, write)


ROUTES: dict[str, Route] = {**dict.fromkeys(ALARMS, alarm), SUSPENSE: of_unknown}
