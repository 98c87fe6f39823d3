"""Reads about people, what two decide, and what was done."""

from users.queries.log import events_about, events_named
from users.queries.people import confirmed_totp, user_of_telegram

__all__ = ["confirmed_totp", "events_about", "events_named", "user_of_telegram"]
