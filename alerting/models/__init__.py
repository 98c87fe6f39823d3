"""What the desk hears and says."""

from alerting.models.alerts import Alert
from alerting.models.figures import FigureStep, FigureTotal
from alerting.models.inbound import InboundUpdate
from alerting.models.outbound import Heartbeat, LiveCard, OutboundMessage
from alerting.models.preferences import NotificationChoice, QuietHours

__all__ = [
    "Alert",
    "FigureStep",
    "FigureTotal",
    "Heartbeat",
    "InboundUpdate",
    "LiveCard",
    "NotificationChoice",
    "OutboundMessage",
    "QuietHours",
]
