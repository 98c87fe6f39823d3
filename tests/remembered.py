"""
Desks that tests build again and again, built once.

A builder that is called on an empty desk makes the same one each time, by the real operations, which cost hundreds of
round trips. What its first call in a process wrote is copied aside; later calls with the same arguments under the same
settings put the rows back. Names and references are then the same in every test that builds alike.
"""

import copy
import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import cast

from django.conf import UserSettingsHolder, settings
from django.db import connection

from trading.lib import clock

# Tables whose rows come with the schema; a reset keeps them.
LIMITS = [
    "settlement_settlementpolicy",
    "settlement_withdrawalpolicy",
    "settlement_walletpolicy",
    "alerting_alertrule",
]
KEPT = ["django_migrations", "django_content_type", "auth_permission", *LIMITS]
LONGEST = timedelta(minutes=20)  # rates in a desk that is kept must still be good
SLACK = 1.0  # seconds

# Parents come before their children when rows are put back: the order of a reset, turned round.
SCHEMA = """
create schema if not exists remembered;
create table if not exists remembered.desks (label int, place int, name text, columns text);

create or replace function test_keep(new_label int, kept text[]) returns void language plpgsql
    security definer set search_path = pg_catalog, public as $$
declare
    tab record;
    filled boolean;
begin
    for tab in
        select c.oid, c.relname as name,
            row_number() over (order by c.relname = 'procrastinate_jobs' desc, c.relname desc) as place,
            (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
             where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') as columns
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> all (kept)
    loop
        execute format('select exists (select from %I)', tab.name) into filled;
        if filled then
            execute format('create unlogged table if not exists remembered.%I as
                select 0 as of_desk, %s from %I with no data', tab.name, tab.columns, tab.name);
            execute format('insert into remembered.%I select %s, %s from %I',
                tab.name, new_label, tab.columns, tab.name);
            insert into remembered.desks values (new_label, tab.place, tab.name, tab.columns);
        end if;
    end loop;
end $$;

create or replace function test_put_back(of_label int) returns void language plpgsql
    security definer set search_path = pg_catalog, public as $$
declare
    tab record;
begin
    for tab in select * from remembered.desks where label = of_label order by place loop
        execute format('alter table %I disable trigger user', tab.name);
        execute format('insert into %I (%s) overriding system value select %s from remembered.%I where of_desk = %s',
            tab.name, tab.columns, tab.columns, tab.name, of_label);
    end loop;
    set constraints all immediate;
    for tab in select * from remembered.desks where label = of_label loop
        execute format('alter table %I enable trigger user', tab.name);
    end loop;
end $$;

create or replace function test_is_empty(kept text[]) returns boolean language plpgsql
    security definer set search_path = pg_catalog, public as $$
declare
    name text;
    filled boolean;
begin
    for name in select tablename from pg_tables where schemaname = 'public' and tablename <> all (kept) loop
        execute format('select exists (select from %I)', name) into filled;
        if filled then
            return false;
        end if;
    end loop;
    return true;
end $$;
"""
# Asked before the whole database is: hardly a call inside of another finds no user.
HAS_PEOPLE = "select exists (select from users_user) or exists (select from users_counterparty)"
HAS_WORKERS = "select exists (select from procrastinate_workers)"

_labels = count(1)
_desks: dict[str, tuple[int, datetime, object]] = {}


def remembered[**P, R](build: Callable[P, R]) -> Callable[P, R]:
    """Have a builder work once and be remembered, where it starts from an empty desk and no worker is about."""

    @functools.wraps(build)
    def builder(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _can_remember():
            return build(*args, **kwargs)
        key = repr((build.__module__, build.__qualname__, args, sorted(kwargs.items()), _overridden()))
        label, built_at, result = _desks.get(key, (0, datetime.min.replace(tzinfo=UTC), None))
        if clock.now() - built_at < LONGEST:
            _ask("select test_put_back(%s)", label)
            return cast("R", copy.deepcopy(result))
        built_at, made = clock.now(), build(*args, **kwargs)
        if not _ask(HAS_WORKERS):
            label = next(_labels)
            _ask("select test_keep(%s, %s)", label, KEPT)
            _desks[key] = label, built_at, copy.deepcopy(made)
        return made

    return builder


def _can_remember() -> bool:
    """An empty desk, outside of any transaction, at the real time."""
    if connection.in_atomic_block or abs(clock.now().timestamp() - time.time()) > SLACK:
        return False
    return not _ask(HAS_PEOPLE) and bool(_ask("select test_is_empty(%s)", KEPT))


def _overridden() -> list[tuple[str, object]]:
    """The settings that differ in this test."""
    found: dict[str, object] = {}
    holder = vars(settings)["_wrapped"]  # overrides nest in it, and there is no public name for that
    while isinstance(holder, UserSettingsHolder):
        found = {name: value for name, value in vars(holder).items() if name.isupper()} | found
        holder = holder.default_settings
    return sorted(found.items())


def _ask(statement: str, *parameters: int | list[str]) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]
