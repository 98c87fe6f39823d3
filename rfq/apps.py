"""The market: pairs, RFQs, quotes, fills."""

from django.apps import AppConfig


class RfqConfig(AppConfig):
    """A product on top of the core."""

    name = "rfq"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the acts on the market, its papers, and what the verification of the evidence looks at."""
        from rfq import own_acts, papers, verification  # noqa: PLC0415 - models must be loaded first

        own_acts.register()
        papers.register()
        verification.register()
