"""What the desk hears and says, and what it warns of."""

from alerting.models.alerts import Alert, AlertNotice, AlertRule, AlertTally, Severity
from alerting.models.figures import FigureStep, FigureTotal
from alerting.models.inbound import InboundUpdate
from alerting.models.mail import MailAddress
from alerting.models.outbound import Heartbeat, LiveCard, OutboundMessage
from alerting.models.preferences import Channel, NotificationChoice, QuietHours
from alerting.models.silences import Silence

__all__ = [
    "Alert",
    "AlertNotice",
    "AlertRule",
    "AlertTally",
    "Channel",
    "FigureStep",
    "FigureTotal",
    "Heartbeat",
    "InboundUpdate",
    "LiveCard",
    "MailAddress",
    "NotificationChoice",
    "OutboundMessage",
    "QuietHours",
    "Severity",
    "Silence",
]
