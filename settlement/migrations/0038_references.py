import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0037_review_of_all_rules")]
    operations = [
        migrations.CreateModel(
            name="BookedReference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("way", models.CharField(choices=[("in", "Came in"), ("out", "Went out")], max_length=3)),
                ("reference", models.CharField(max_length=80)),
                ("booked_as", models.CharField(max_length=16)),
                ("booked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("reference", "way"), name="reference_booked_once"),
                ],
            },
        ),
    ]
