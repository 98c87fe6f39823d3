"""Files of disputes say whose they were, where the party passed them on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rfq", "0015_dispute_attachments")]

    operations = [
        migrations.AddField(
            model_name="disputeattachment",
            name="forwarded_from",
            field=models.CharField(blank=True, db_default="", default="", max_length=160),
        ),
    ]
