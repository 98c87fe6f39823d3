"""The database's own rules for what is heard and said."""

from django.db import migrations

from trading.lib.schema import only_changes, transitions


class Migration(migrations.Migration):
    dependencies = [("alerting", "0001_initial"), ("users", "0002_rules")]
    operations = [
        transitions("alerting_inboundupdate", ["waiting"], {"waiting": ["handled", "failed"]}),
        only_changes("alerting_inboundupdate", "status", "attempts", "not_before", "error", "handled_at"),
        transitions(
            "alerting_outboundmessage",
            ["waiting"],
            {"waiting": ["sending"], "sending": ["failed", "sent", "unreachable", "waiting"]},
        ),
        only_changes(
            "alerting_outboundmessage", "status", "attempts", "not_before", "message_id", "error", "sent_at"
        ),
    ]
