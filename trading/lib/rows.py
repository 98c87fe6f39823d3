"""
Rows written as the ORM would, in words that do not change: by themselves, or as part of a larger statement.

Two that belong together are one statement, and so are a row and what follows from it.
"""

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import (
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    DecimalField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    OneToOneField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    TextField,
)

from trading.lib import prepared

# Fields whose attribute goes to the database as it is, once it has the type that the model says.
AS_THEY_ARE = {CharField, TextField, DecimalField, DateTimeField, BooleanField, ForeignKey, OneToOneField}
AS_THEY_ARE |= {BigIntegerField, IntegerField, PositiveIntegerField, PositiveSmallIntegerField}
BOTH = "with first as ({first}), second as ({second}) select first.id, second.id from first, second"


class Insert(NamedTuple):
    """An INSERT that returns the new row's id, and its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def insert_of(row: Model, links: Mapping[str, str] | None = None) -> Insert:
    """
    What the ORM would send to write this new row.

    :param links: SQL in place of the values of some columns: that of the id of a row the same statement writes.
    """
    model, links = type(row), links or {}
    attributes, made = _taken(model)
    values: list[Any] = list(attributes(row))
    for place, field in made:
        values[place] = field.get_db_prep_save(field.pre_save(row, add=True), connection)
    if links:
        values = [value for field, value in zip(_fields(model), values, strict=True) if field.column not in links]
    return Insert(_text(model, tuple(sorted(links.items()))), tuple(values))


def insert(row: Model) -> None:
    """Write a new row."""
    one = insert_of(row)
    with prepared.cursor() as cursor:
        cursor.execute(one.sql, one.parameters)
        (pk,) = cursor.fetchone()
    written(row, pk)


def insert_both(first: Model, second: Model, *, link: str) -> None:
    """Write two new rows in one statement; `link` is the second one's field that names the first."""
    named = f"{link}_id"
    one, other = insert_of(first), insert_of(second, {named: "(select id from first)"})
    with prepared.cursor() as cursor:
        cursor.execute(BOTH.format(first=one.sql, second=other.sql), [*one.parameters, *other.parameters])
        written(first, (ids := cursor.fetchone())[0])
    setattr(second, link, first)
    written(second, ids[1])


def written(row: Model, pk: int) -> None:
    """Let a row know that it stands in the database, and by which id."""
    row.pk = pk
    row._state.adding, row._state.db = False, connection.alias


def change(row: Model, changes: Mapping[str, object], *, status: str) -> bool:
    """Give fields of a row in the database these values if its status is still this; whether it was."""
    fields = _named(type(row), tuple(changes))
    values = [
        field.get_db_prep_save(getattr(value, "pk", value), connection)
        for field, value in zip(fields, changes.values(), strict=True)
    ]
    with prepared.cursor() as cursor:
        cursor.execute(_step(type(row), tuple(changes)), [*values, row.pk, status])
        return bool(cursor.rowcount)


@cache
def _named(model: type[Model], names: tuple[str, ...]) -> "tuple[Field[Any, Any], ...]":
    fields = {field.name: field for field in _fields(model)}
    return tuple(fields[name] for name in names)


@cache
def _step(model: type[Model], names: tuple[str, ...]) -> str:
    given = ", ".join(f'"{field.column}" = %s' for field in _named(model, names))
    return f'update "{model._meta.db_table}" set {given} where id = %s and status = %s'  # noqa: S608


@cache
def _fields(model: type[Model]) -> "tuple[Field[Any, Any], ...]":  # the class is not generic at run time
    return tuple(field for field in model._meta.concrete_fields if not field.primary_key)


@cache
def _taken(model: type[Model]) -> "tuple[Callable[[Model], tuple[Any, ...]], list[tuple[int, Field[Any, Any]]]]":
    """What reads the attributes of all fields at once, and the fields whose attributes are not what is sent."""
    fields = _fields(model)
    made = [(place, field) for place, field in enumerate(fields) if type(field) not in AS_THEY_ARE]
    return attrgetter(*(field.attname for field in fields)), made


@cache
def _text(model: type[Model], links: tuple[tuple[str, str], ...]) -> str:
    given = dict(links)
    names = [str(field.column) for field in _fields(model)]
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(given.get(name, "%s") for name in names)
    return f'insert into "{model._meta.db_table}" ({columns}) values ({values}) returning id'  # noqa: S608
