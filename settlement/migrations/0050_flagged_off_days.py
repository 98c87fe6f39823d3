"""How many settlements were flagged off on each of the last days is asked every half minute."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0049_wallet_policy_rules")]
    operations = [
        migrations.AddIndex(
            model_name="settlementtransition",
            index=models.Index(
                condition=models.Q(("to_status", "flagged_off")), fields=["at"], name="transition_flagged_off"
            ),
        ),
    ]
