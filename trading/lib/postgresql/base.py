"""The backend, by the name under which Django looks for it."""

from typing import Any, override

from django.db.backends.postgresql import base

from trading.lib.postgresql import is_heard


class DatabaseWrapper(base.DatabaseWrapper):
    """One that asks whether it still lives only where there is a sign that it does not."""

    @override
    def is_usable(self) -> bool:
        session: Any = self.connection
        if session is None or session.closed:
            return False
        return not is_heard(session.fileno()) or super().is_usable()
