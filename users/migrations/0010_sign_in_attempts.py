"""Wrong passwords are counted, and after too many nobody looks at further ones for a while."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0009_sessions")]
    operations = [
        migrations.CreateModel(
            name="SignInAttempts",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(choices=[("address", "Name and address"), ("name", "Name, all addresses")], max_length=8)),
                ("name_hash", models.CharField(max_length=64)),
                ("address", models.GenericIPAddressField(blank=True, null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
                ("locked_until", models.DateTimeField(blank=True, null=True)),
                ("succeeded_at", models.DateTimeField(blank=True, null=True)),
                ("user", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="sign_in_attempts", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "verbose_name_plural": "sign-in attempts",
                "indexes": [models.Index(fields=["last_at"], name="sign_in_attempts_last")],
                "constraints": [
                    models.UniqueConstraint(fields=("name_hash", "scope", "address"), name="sign_in_attempts_once", nulls_distinct=False),
                    models.CheckConstraint(condition=models.Q(("scope__in", ["address", "name"])), name="sign_in_attempts_scope_known"),
                ],
            },
        ),
    ]
