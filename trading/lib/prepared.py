"""
Statements whose words never change: built once, planned once by each connection, sent with other values.

The ORM builds a query anew each time it is asked, and PostgreSQL plans it anew: for what every trade asks, that is most
of what it costs. A `Read` keeps both; its rows are made by the ORM, as of any query.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, override

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Expression, Model, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.query import ModelIterable
from django.db.models.sql.compiler import SQLCompiler
from psycopg import Cursor
from psycopg.errors import FeatureNotSupported
from psycopg.pq import TransactionStatus
from psycopg.sql import Literal

AT_ONCE = 0  # a connection keeps a plan from the first time on


def keep_plans(connection: DatabaseWrapper, **_signal: object) -> None:
    """
    Let a new connection keep plans, unless a pooler stands before the server.

    A pooler lends one session to many in turn, and a plan that one of them has kept there would be run for another. The
    number of the session's process tells: a pooler gives out its own.
    """
    session = connection.connection
    (process,) = session.execute("select pg_backend_pid()").fetchone()
    session.prepare_threshold = AT_ONCE if process == session.info.backend_pid else None


def is_outdated(error: BaseException | None) -> bool:
    """Whether a kept plan was refused since what it gives has changed: told by PostgreSQL's function that says so."""
    return isinstance(error, FeatureNotSupported) and error.diag.source_function == "RevalidateCachedQuery"


class _Cursor(Cursor[Any]):
    """One that makes its plan anew where a migration has changed what the statement gives."""

    @override
    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        try:
            return super().execute(query, params, **options)
        except FeatureNotSupported as error:
            if not is_outdated(error) or self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise  # its end makes the connection forget its plans; until then nothing can be done
            self.connection.execute("deallocate all")
            return super().execute(query, params, **options)


def cursor() -> CursorWrapper:
    """A cursor for such a statement: the server is sent the words and the values apart, and may keep the plan."""
    own: Any = connections[DEFAULT_DB_ALIAS]  # looked up once: `connection` looks it up each time
    own.close_if_health_check_failed()  # once a request, as Django's own `cursor` does
    own.ensure_connection()
    opened: CursorWrapper = own._prepare_cursor(_Cursor(own.connection))  # as Django's own `cursor` does
    return opened


class Given(Expression):
    """A value of a `Read` that is told when it is sent."""

    def __init__(self, name: str) -> None:
        """Under this name."""
        super().__init__()
        self.name = name

    @override
    def as_sql(self, *_args: Any, **_kwargs: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


def any_of(name: str, kind: str) -> RawSQL:
    """
    For `__in`: the values that are told together under this name.

    :param kind: their type in the database, ``bigint``.
    """
    return RawSQL(f"select unnest(%s::{kind}[])", [Given(name)])  # noqa: S611 - the type is a module's own word


class Read[M: Model]:
    """
    A query with places for values (`Given`).

    All else it compares with is part of its words, so that PostgreSQL knows it when it plans: partial indexes serve.
    """

    def __init__(self, build: Callable[[], QuerySet[M]]) -> None:
        """It is built when it is first sent."""
        self._build = build
        self._compiled: _Compiled | None = None

    def rows(self, **given: object) -> list[M]:
        """
        The rows, as the queryset would give them.

        :raises KeyError: a value was not given.
        :raises TransactionManagementError: it locks rows, and nothing would keep them locked.
        """
        if self._compiled is None:
            self._compiled = _Compiled(self._build())
        sent: QuerySet[M] = QuerySet(query=self._compiled.sent(given), using=connection.alias)  # type: ignore[arg-type]
        return list(ModelIterable(sent))

    def first(self, **given: object) -> M | None:
        """The first of the rows, or nothing. Assumes an order, or that there is one at most."""
        return next(iter(self.rows(**given)), None)

    def one(self, **given: object) -> M:
        """
        The row that must be there. Assumes that there is one at most.

        :raises Model.DoesNotExist: it is not.
        """
        row = self.first(**given)
        if row is None:
            missing: Any = self._build().model
            raise missing.DoesNotExist
        return row


class _Compiled(SQLCompiler):
    """A query's compiler once it has done its work. It stands where the ORM asks a query for its compiler."""

    def __init__(self, queryset: QuerySet[Any]) -> None:
        super().__init__(queryset.query, connection, connection.alias)
        compiled: tuple[str, Sequence[Any]] = self.as_sql()
        sql, parameters = compiled
        self._places = [one.name for one in parameters if isinstance(one, Given)]
        self._words = sql.replace("%%", "%%%%") % tuple(map(_word, parameters))
        self._converters = super().get_converters([column for column, *_rest in self.select])
        self._values: Sequence[Any] = ()

    def sent(self, given: dict[str, object]) -> "_Compiled":
        """The same with these values, on this thread's connection."""
        if self.query.select_for_update and connection.get_autocommit():
            raise transaction.TransactionManagementError("Rows can only be locked inside a transaction.")
        one = copy.copy(self)
        one.connection, one._values = connection, [given[name] for name in self._places]
        return one

    def get_compiler(self, **_using: object) -> "_Compiled":
        return self

    @override
    def execute_sql(self, *_args: Any, **_kwargs: Any) -> list[list[Any]]:  # type: ignore[override]
        with cursor() as opened:
            opened.execute(self._words, self._values)
            return [opened.fetchall()]

    @override
    def get_converters(self, expressions: Any) -> Any:
        return self._converters


def _word(parameter: object) -> str:
    """What stands in the words for a parameter: its place, or the value that it always has."""
    if isinstance(parameter, Given):
        return "%s"
    return Literal(parameter).as_string(connection.connection).replace("%", "%%")
