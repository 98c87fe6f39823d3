"""Onboarding checks: recorded by the desk's people, about others, and never changed."""

import django.db.models.deletion
import users.models.approvals
from django.conf import settings
from django.db import migrations, models

from trading.lib.schema import append_only, function_back

GUARD = """
create function users_onboardingcheck_born() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    recorder users_user;
begin
    select * into recorder from users_user where id = new.recorded_by_id;
    if recorder.status <> 'active' or recorder.kind <> 'human' or recorder.counterparty_id is not null then
        raise exception 'DC90 checks are recorded by active people of the desk' using errcode = '42501';
    end if;
    if exists (select from users_user where id = new.user_id and person_id = recorder.person_id) then
        raise exception 'DC91 nobody records a check about themselves' using errcode = '42501';
    end if;
    new.recorded_at := clock_timestamp();
    return new;
end $$;
create trigger born before insert on users_onboardingcheck
    for each row execute function users_onboardingcheck_born();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0007_api_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='OnboardingCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('identity', 'Identity document'), ('mandate', 'Mandate to act'), ('screening', 'Sanctions and PEP screening'), ('registration', 'Registration of the firm'), ('ownership', 'Beneficial owners')], max_length=12)),
                ('result', models.CharField(choices=[('passed', 'Passed'), ('failed', 'Failed')], max_length=6)),
                ('evidence', models.TextField(max_length=1000)),
                ('valid_until', models.DateField(blank=True, null=True)),
                ('recorded_at', models.DateTimeField()),
                ('counterparty', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='onboarding_checks', to='users.counterparty')),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='onboarding_checks', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['user', 'kind', '-id'], name='onboarding_user'), models.Index(fields=['counterparty', 'kind', '-id'], name='onboarding_counterparty')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('counterparty__isnull', False), ('user__isnull', True)), models.Q(('counterparty__isnull', True), ('user__isnull', False)), _connector='OR'), name='onboarding_about_one'), models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ['identity', 'mandate', 'screening']), ('user__isnull', False)), models.Q(('counterparty__isnull', False), ('kind__in', ['registration', 'ownership', 'screening'])), _connector='OR'), name='onboarding_kind_fits'), models.CheckConstraint(condition=models.Q(('result__in', ['passed', 'failed'])), name='onboarding_result_known'), models.CheckConstraint(condition=users.models.approvals.Meaningful(models.F('evidence')), name='onboarding_evidence_meaningful')],
            },
        ),
        migrations.RunSQL(
            GUARD, "drop trigger born on users_onboardingcheck;" + function_back("users_onboardingcheck_born()")
        ),
        *append_only("users_onboardingcheck"),
    ]
