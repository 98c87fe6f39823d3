"""What the desk hears and says."""

from alerting.models.alerts import Alert
from alerting.models.figures import FigureStep, FigureTotal
from alerting.models.inbound import InboundUpdate
from alerting.models.mail import MailAddress
from alerting.models.outbound import Heartbeat, LiveCard, OutboundMessage
from alerting.models.preferences import Channel, NotificationChoice, QuietHours

__all__ = [
    "Alert",
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
]
