"""What the desk hears and says."""

from alerting.models.inbound import InboundUpdate
from alerting.models.outbound import Heartbeat, LiveCard, OutboundMessage

__all__ = ["Heartbeat", "InboundUpdate", "LiveCard", "OutboundMessage"]
