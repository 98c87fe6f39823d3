"""What makes a job of inbox and outbox come again, and how often."""

from django.db import InterfaceError, OperationalError
from procrastinate import RetryStrategy

from trading.lib.errors import Unavailable

AWAY = (OperationalError, InterfaceError, Unavailable)  # nothing wrong with what is to be done: it comes again
AGAIN = RetryStrategy(max_attempts=20, wait=1, retry_exceptions=set(AWAY))
