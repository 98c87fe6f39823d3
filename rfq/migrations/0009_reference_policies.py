"""Pairs from before there were reference rates get the usual limits."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("rfq", "0008_reference_rates")]
    operations = [
        migrations.RunSQL(
            f"insert into {table} (pair_id) select id from rfq_pair on conflict do nothing",
            migrations.RunSQL.noop,
        )
        for table in ("rfq_referencepolicy", "rfq_referencestate")
    ]
