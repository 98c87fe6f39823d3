"""The core: ledger, settlements, transfers. It knows economic terms, not RFQs."""

from django.apps import AppConfig


class SettlementConfig(AppConfig):
    """Ledger, settlement, wallets, the flag."""

    name = "settlement"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the acts on money, and what the verification of the evidence looks at."""
        from settlement import own_acts, verification  # noqa: PLC0415 - models must be loaded first

        own_acts.register()
        verification.register()
