"""What the desk hears, says and warns of: inbox of updates, outbox of messages, live cards, alerts."""

from django.apps import AppConfig


class AlertingConfig(AppConfig):
    """Inbox, outbox, live cards, alerts."""

    name = "alerting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the act on alert rules."""
        from alerting import own_acts  # noqa: PLC0415 - models must be loaded first

        own_acts.register()
