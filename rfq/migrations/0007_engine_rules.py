"""The database's own rules for what the engine records besides."""

from django.db import migrations

from trading.lib.schema import never_deleted, only_changes, only_changes_changed, transitions_changed

RFQ_STEPS = {
    "open": ["quoted", "cancelled", "expired"],
    "quoted": ["open", "filled", "cancelled", "expired"],
}
QUOTE_ENDS = ["done_away", "pulled", "replaced", "expired"]

# A fill of before has no facts, and keeps none; from now on there is none without.
FACTS = """
    alter table rfq_fill add constraint fill_facts_recorded check (
        first_quote_ms is not null and best_quote_ms is not null
        and decision_ms is not null and quote_left_ms is not null
    ) not valid;
"""


class Migration(migrations.Migration):
    dependencies = [("rfq", "0006_engine")]
    operations = [
        transitions_changed(
            "rfq_rfq", before=(["open"], RFQ_STEPS), after=(["open", "rejected"], RFQ_STEPS)
        ),
        transitions_changed(
            "rfq_quote",
            before=(["active"], {"active": ["traded", *QUOTE_ENDS]}),
            after=(
                ["entered", "active", "rejected"],
                {"entered": ["active", *QUOTE_ENDS], "active": ["traded", *QUOTE_ENDS]},
            ),
        ),
        only_changes_changed(
            "rfq_quote", before=["status", "updated_at"], after=["status", "updated_at", "outcome"]
        ),
        only_changes("rfq_invitation", "passed_at"),
        *never_deleted("rfq_invitation", "rfq_heartbeat"),
        migrations.RunSQL(FACTS, "alter table rfq_fill drop constraint fill_facts_recorded"),
    ]
