"""The subject of a mail about an event, in the active language: what happened, and to what."""

from django.utils.translation import gettext, gettext_noop

from alerting import alert_words, topics
from users.models import AuditEvent

SUBJECTS = {
    "address.asked": gettext_noop("A new address waits for approval"),
    "address.added": gettext_noop("An address was added"),
    "address.ended": gettext_noop("An address has ended"),
    "approval.declined": gettext_noop("A proposal was declined"),
    "bank_account.asked": gettext_noop("A new bank account waits for approval"),
    "bank_account.added": gettext_noop("A bank account was added"),
    "bank_account.ended": gettext_noop("A bank account has ended"),
    "client.frozen": gettext_noop("A client is frozen"),
    "client.unfrozen": gettext_noop("A client is not frozen any more"),
    "database.restored": gettext_noop("The database was restored: everything is paused"),
    "deposit.of_unknown": gettext_noop("A deposit whose owner is not known"),
    "deposit.undone": gettext_noop("A credited deposit is not on its chain any more"),
    "dispute.assigned": gettext_noop("A dispute was taken"),
    "dispute.attached": gettext_noop("A file in a dispute"),
    "dispute.noted": gettext_noop("A note in a dispute"),
    "dispute.opened": gettext_noop("A dispute was opened"),
    "dispute.resolved": gettext_noop("A dispute is resolved"),
    "dispute.withdrawn": gettext_noop("A dispute was withdrawn"),
    "dispute.attachment_refused": gettext_noop("A file was not taken into a dispute"),
    "lp.paused": gettext_noop("An LP is paused"),
    "mail.changed": gettext_noop("Your address for mail was changed"),
    "mail.refused": gettext_noop("An address takes no mail"),
    "passkey.counter_went_back": gettext_noop("A passkey seems to be copied"),
    "reconciliation.agreed": gettext_noop("Books and chains agree again"),
    "reconciliation.blind": gettext_noop("Books and chains cannot be compared"),
    "reconciliation.differed": gettext_noop("Books and chains differ"),
    "sign_in.locked_out": gettext_noop("A login is locked out"),
    "telegram.ended": gettext_noop("A Telegram account was cut off"),
    "telegram.linked": gettext_noop("A Telegram account was linked"),
    "telegram.unreachable": gettext_noop("Somebody's chat takes no messages"),
    "token.reused": gettext_noop("A refresh token came twice"),
    "transfer.nonce_filled": gettext_noop("A gap in a wallet's payments was filled"),
    "transfer.undone": gettext_noop("A final payment is not on its chain any more"),
    "wallet.paused": gettext_noop("A wallet is paused"),
    "withdrawal.requested": gettext_noop("A withdrawal was asked for"),
}


FIRES, IS_OVER = "alert.told", "alert.resolved"


def of(event: AuditEvent) -> str:
    """The subject: the event's own, else its topic's; of an alert what it is called, and whether it is over."""
    subject = event.after["subject"] if event.name in {FIRES, IS_OVER} else event.subject_ref
    return f"[{gettext('USDT desk')}] {words(event)}: {subject}"


def words(event: AuditEvent) -> str:
    """What happened, without saying to what."""
    if event.name in {FIRES, IS_OVER}:
        return ("✅ " if event.name == IS_OVER else "") + alert_words.title(event.after["type"])
    topic = topics.TOPICS.get(topics.TOPIC_OF_EVENT.get(event.name, ""))
    return gettext(SUBJECTS[event.name]) if event.name in SUBJECTS else str(topic.words if topic else event.name)
