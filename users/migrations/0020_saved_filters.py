"""Filters of lists that people keep under a name."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0019_dialogues'),
    ]

    operations = [
        migrations.CreateModel(
            name='SavedFilter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=40)),
                ('query', models.CharField(max_length=600)),
                ('created_at', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_filters', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('user'), models.F('page'), django.db.models.functions.text.Lower('name'), name='saved_filter_named_once'), models.CheckConstraint(condition=models.Q(models.Q(('page', ''), _negated=True), models.Q(('name', ''), _negated=True), models.Q(('query', ''), _negated=True)), name='saved_filter_whole')],
            },
        ),
    ]
