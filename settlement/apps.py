"""The core: ledger, settlements, transfers. It knows economic terms, not RFQs."""

from django.apps import AppConfig


class SettlementConfig(AppConfig):
    """Ledger, settlement, wallets, the flag."""

    name = "settlement"
    default_auto_field = "django.db.models.BigAutoField"
