"""
The first version of every rule, and what holds for rules, alerts, notices and silences whoever asks.

Refusals begin with a code (AL01 to AL04).
"""

from django.db import migrations

from alerting.defaults import DEFAULTS
from trading.lib import clock
from trading.lib.schema import append_only, function_back, never_deleted, only_changes, transitions


def lay_down(apps, schema_editor):
    rules = apps.get_model("alerting", "AlertRule").objects.using(schema_editor.connection.alias)
    now = clock.now()
    first_versions = (
        rules.model(
            type=name,
            version=1,
            severity=first.severity,
            thresholds=dict(first.thresholds),
            for_seconds=first.for_seconds,
            notices=first.notices,
            window_seconds=first.window_seconds,
            owners=[str(role) for role in first.owners],
            escalate_seconds=first.escalate_seconds,
            made_at=now,
        )
        for name, first in DEFAULTS.items()
    )
    rules.bulk_create(first_versions, ignore_conflicts=True)  # they stay when only the guards went back


# The first version of a type comes with the schema or with the release that brings the type.
RULES = """
create function alerting_rule_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    request users_approvalrequest;
    newest alerting_alertrule;
begin
    select * into newest from alerting_alertrule where type = new.type order by version desc limit 1;
    new.made_at := clock_timestamp();
    if newest.id is null and new.version = 1 then
        return new;
    end if;
    request := users_executed_here('alert_rule.change', new.type);
    if request.id is null or new.version <> coalesce(newest.version, 0) + 1 or newest.made_at >= request.closed_at
        or request.payload is distinct from jsonb_build_object(
            'severity', new.severity, 'thresholds', new.thresholds, 'for_seconds', new.for_seconds,
            'notices', new.notices, 'window_seconds', new.window_seconds, 'owners', new.owners,
            'escalate_seconds', new.escalate_seconds
        ) then
        raise exception 'AL01 the rule % changes only by a request that two people carried', new.type
            using errcode = '42501';
    end if;
    return new;
end $$;
create trigger guard before insert on alerting_alertrule for each row execute function alerting_rule_guard();

create function alerting_rule_took_effect() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from alerting_alertrule where type = new.subject_ref and made_at >= new.closed_at) then
        raise exception 'DC45 % was executed without its effect', new.ref using errcode = '23514';
    end if;
    return null;
end $$;
create constraint trigger alert_rule_took_effect after update of status on users_approvalrequest
    deferrable initially deferred for each row when (new.status = 'executed' and new.act = 'alert_rule.change')
    execute function alerting_rule_took_effect();
"""
RULES_BACK = (
    "drop trigger alert_rule_took_effect on users_approvalrequest; drop trigger guard on alerting_alertrule;"
    + function_back("alerting_rule_took_effect()", "alerting_rule_guard()")
)

# The tally's row is the lock: who counts and who gives notices wait for each other.
NOTICES = """
create function alerting_notice_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    rule alerting_alertrule;
begin
    if new.is_held or new.kind = 'resolved' then
        return new;
    end if;
    perform from alerting_alerttally where type = new.type for update;
    select * into strict rule from alerting_alertrule where type = new.type order by version desc limit 1;
    if not found or (
        select count(*) from alerting_alertnotice
        where type = new.type and not is_held and kind <> 'resolved'
            and at > new.at - make_interval(secs => rule.window_seconds)
    ) >= rule.notices then
        raise exception 'AL02 % was told as often as its rule allows', new.type using errcode = '23514';
    end if;
    return new;
end $$;
create trigger guard before insert on alerting_alertnotice for each row execute function alerting_notice_guard();
"""

ALERTS = """
create function alerting_alert_kept() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    if old.fired_at is not null then
        raise exception 'AL03 % fired: it stays on record', old.ref using errcode = '42501';
    end if;
    return old;
end $$;
create trigger kept before delete on alerting_alert for each row execute function alerting_alert_kept();
"""

SILENCES = """
create function alerting_silence_guard() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    longest interval;
begin
    select case rule.severity when 'critical' then interval '1 hour' else interval '7 days' end into longest
    from alerting_alertrule as rule where rule.type = new.type order by rule.version desc limit 1;
    if longest is null or new.ends_at > new.starts_at + longest or new.starts_at > clock_timestamp() + interval '1 hour'
        or new.ended_at is not null then
        raise exception 'AL04 a silence of % lasts at most %', new.type, longest using errcode = '23514';
    end if;
    return new;
end $$;
create trigger guard before insert on alerting_silence for each row execute function alerting_silence_guard();
"""
CHANGING = (
    *("subject", "severity", "rule_id", "values", "level", "told_level", "held_level", "told_roles", "status"),
    *("seen_at", "fired_at", "escalate_at", "acknowledged_at", "acknowledged_by_id", "resolved_at"),
)
STEPS = {
    "pending": ["firing", "resolved"],
    "firing": ["acknowledged", "resolved"],
    "acknowledged": ["firing", "resolved"],
}


class Migration(migrations.Migration):
    dependencies = [("alerting", "0012_alert_rules"), ("users", "0019_dialogues")]
    operations = [
        migrations.RunPython(lay_down, migrations.RunPython.noop),
        *append_only("alerting_alertrule", "alerting_alertnotice"),
        *never_deleted("alerting_silence"),
        only_changes("alerting_silence", "ended_at", "ended_by_id"),
        transitions("alerting_alert", ["pending"], STEPS),
        only_changes("alerting_alert", *CHANGING),
        migrations.RunSQL(RULES, RULES_BACK),
        migrations.RunSQL(
            NOTICES, "drop trigger guard on alerting_alertnotice;" + function_back("alerting_notice_guard()")
        ),
        migrations.RunSQL(ALERTS, "drop trigger kept on alerting_alert;" + function_back("alerting_alert_kept()")),
        migrations.RunSQL(
            SILENCES, "drop trigger guard on alerting_silence;" + function_back("alerting_silence_guard()")
        ),
    ]
