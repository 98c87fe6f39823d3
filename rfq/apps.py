"""The market: pairs, RFQs, quotes, fills."""

from django.apps import AppConfig


class RfqConfig(AppConfig):
    """A product on top of the core."""

    name = "rfq"
    default_auto_field = "django.db.models.BigAutoField"
