"""
Where sessions are kept: Django's database store, with keys hashed and rows that say whose they are.

A copy of the table opens nothing: rows are found by the SHA-256 of the cookie's value. A session that
was ended while a request ran in it is not written back (`UpdateError`).
"""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.exceptions import SessionInterrupted
from django_otp import DEVICE_ID_SESSION_KEY

from trading.lib import clock
from users.models.sessions import IDLE, LONGEST, Session, hashed

BEGAN, SEEN, ADDRESS, BROWSER = "session_began_at", "session_seen_at", "session_address", "session_browser"


class SessionStore(DatabaseStore):
    """The store behind `request.session` (`SESSION_ENGINE`). The desk's views are not asynchronous, nor is this."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Our own table."""
        return Session

    def load(self) -> dict[str, Any]:
        """The data of a session that lives; nothing, and no key, when there is none."""
        row = Session.objects.live(at=clock.now()).filter(session_key=hashed(self.session_key or "")).first()
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        """Whether a cookie of this value would open a session."""
        return Session.objects.filter(session_key=hashed(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row for this data; it stops to live when it was idle, or has lasted, for too long."""
        now = clock.now().timestamp()
        began, seen = data.get(BEGAN, now), data.get(SEEN, now)
        return Session(
            session_key=hashed(self._get_or_create_session_key()),  # type: ignore[attr-defined]  # not in the stubs
            session_data=self.encode(data),
            expire_date=min(_instant(began) + LONGEST, _instant(seen) + IDLE),
            user_id=data.get(SESSION_KEY),
            is_verified=DEVICE_ID_SESSION_KEY in data,
            began_at=_instant(began),
            seen_at=_instant(seen),
            address=data.get(ADDRESS),
            browser=data.get(BROWSER, ""),
        )

    def cycle_key(self) -> None:
        """
        Give the session a new key; whoever has the old one has nothing.

        :raises SessionInterrupted: the session was ended meanwhile, and does not come back under another key.
        """
        data, old = self._session, self.session_key  # type: ignore[attr-defined]  # not in the stubs
        if old is None:
            self.create()
        else:
            new = self._get_new_session_key()  # type: ignore[attr-defined]  # not in the stubs
            if not Session.objects.filter(session_key=hashed(old)).update(session_key=hashed(new)):
                message = "the session was ended while this request ran in it"
                raise SessionInterrupted(message)
            self._session_key = new
        self._session_cache = data
        self.modified = True

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, or this one."""
        if key := session_key or self.session_key:
            Session.objects.filter(session_key=hashed(key)).delete()


def _instant(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
