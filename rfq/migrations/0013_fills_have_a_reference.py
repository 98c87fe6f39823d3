"""What a fill was judged by is kept with it."""

from django.db import migrations

# A fill of before has none, and keeps none; from now on there is none without.
RECORDED = """
    alter table rfq_fill add constraint fill_reference_recorded check (
        reference is not null and spread_bps is not null and lp_spread_bps is not null
    ) not valid;
"""


class Migration(migrations.Migration):
    dependencies = [("rfq", "0012_market_rules")]
    operations = [migrations.RunSQL(RECORDED, "alter table rfq_fill drop constraint fill_reference_recorded")]
