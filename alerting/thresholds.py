"""From where on the desk alerts, until thresholds are kept in the database: the one file of defaults."""

from datetime import timedelta

QUEUE_LENGTH = 50  # settlements that are not over
QUEUE_OLDEST = timedelta(minutes=15)  # the oldest of those that should move by themselves
QUEUE_WINDOW = timedelta(minutes=15)  # one alert about the queue at most in this time
