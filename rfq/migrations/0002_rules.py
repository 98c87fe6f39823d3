"""The database's own rules for the market."""

from django.db import migrations

from trading.lib.schema import append_only, never_deleted, only_changes, transitions


class Migration(migrations.Migration):
    dependencies = [("rfq", "0001_initial"), ("settlement", "0003_rules")]
    operations = [
        *append_only("rfq_fill"),
        only_changes("rfq_rfq", "status", "updated_at"),
        only_changes("rfq_quote", "status", "updated_at"),
        *never_deleted("rfq_rfq", "rfq_quote", "rfq_pair"),
        transitions(
            "rfq_rfq",
            ["open"],
            {
                "open": ["quoted", "cancelled", "expired"],
                "quoted": ["open", "filled", "cancelled", "expired"],
            },
        ),
        transitions(
            "rfq_quote", ["active"], {"active": ["traded", "done_away", "pulled", "replaced", "expired"]}
        ),
    ]
