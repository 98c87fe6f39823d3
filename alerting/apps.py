"""What the desk hears and says: inbox of updates, outbox of messages, live cards."""

from django.apps import AppConfig


class AlertingConfig(AppConfig):
    """Inbox, outbox, live cards."""

    name = "alerting"
    default_auto_field = "django.db.models.BigAutoField"
