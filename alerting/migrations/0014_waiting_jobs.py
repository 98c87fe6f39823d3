"""Whether a job with a lock waits already is asked by all that need one only: found by an index, however many wait."""

from django.db import migrations

MAKE = """create index concurrently desk_jobs_waiting_idx on procrastinate_jobs (lock)
where status = 'todo' and lock is not null"""
DROP = "drop index concurrently if exists desk_jobs_waiting_idx"


class Migration(migrations.Migration):
    atomic = False  # traders go on meanwhile

    dependencies = [("alerting", "0013_alert_guards"), ("procrastinate", "0041_post_retry_failed_job")]

    # One that was interrupted leaves an index that serves nobody: it is made anew.
    operations = [migrations.RunSQL([DROP, MAKE], DROP)]
