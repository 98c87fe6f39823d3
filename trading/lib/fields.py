"""Column types Django does not have."""

from typing import Any

from django.db import models
from django.db.models import Func


class Xid8Field(models.Field):  # type: ignore[type-arg]  # the class is not generic at run time
    """A PostgreSQL transaction id (xid8): which transaction wrote the row."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's signature
        """PostgreSQL's name of the type."""
        return "xid8"


class CurrentTransaction(Func):
    """The id of the running top-level transaction."""

    function = "pg_current_xact_id"
    arity = 0
    output_field = Xid8Field()
