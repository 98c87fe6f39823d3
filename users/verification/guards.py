"""The database's own guards: every trigger, function, constraint and grant as the migrations and models say."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.special import RunSQL

from users.verification.findings import Finding, Kind, found_by

TRIGGER = re.compile(
    r"create\s+(?:constraint\s+)?trigger\s+(?P<name>\w+)\s+(?:before|after)\s.*?\son\s+(?P<table>\w+).*?"
    r"execute\s+function\s+(?P<function>\w+)\s*\((?P<arguments>[^)]*)\)|"
    r"drop\s+trigger\s+(?:if\s+exists\s+)?(?P<gone>\w+)\s+on\s+(?P<gone_table>\w+)",
    re.IGNORECASE | re.DOTALL,
)
FUNCTION = re.compile(
    r"create\s+(?:or\s+replace\s+)?function\s+(?P<name>\w+)\s*\(.*?\$\$(?P<body>.*?)\$\$|"
    r"drop\s+function\s+(?:if\s+exists\s+)?(?P<gone>\w+)",
    re.IGNORECASE | re.DOTALL,
)
BODIES = re.compile(r"\$\$.*?\$\$", re.DOTALL)
ARGUMENT = re.compile(r"'([^']*)'")

TRIGGERS = """
select relation.relname, one.tgname, function.proname, encode(one.tgargs, 'hex'), one.tgenabled::text
from pg_trigger as one
join pg_class as relation on relation.oid = one.tgrelid
join pg_proc as function on function.oid = one.tgfoid
where not one.tgisinternal and relation.relnamespace = 'public'::regnamespace
"""

FUNCTIONS = "select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace"

CONSTRAINTS = """
select conname::text from pg_constraint where connamespace = 'public'::regnamespace and convalidated
union
select relation.relname::text from pg_index as one join pg_class as relation on relation.oid = one.indexrelid
where relation.relnamespace = 'public'::regnamespace and one.indisunique and one.indisvalid
"""

ROLE = """
select 'role ' || current_user, 'is a superuser, or may make roles, replicate or pass by row security'
from pg_roles
where rolname = current_user and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
union all
select 'role ' || current_user, 'owns ' || relname from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'S', 'v') and pg_has_role(relowner, 'usage')
union all
select 'role ' || current_user, 'owns the function ' || proname from pg_proc
where pronamespace = 'public'::regnamespace and pg_has_role(proowner, 'usage')
union all
select 'role ' || current_user, 'may make things in the schema'
where has_schema_privilege(current_user, 'public', 'create')
union all
select relname::text, 'may be truncated or given triggers by ' || current_user
from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r' and has_table_privilege(oid, 'truncate, trigger')
"""

EVIDENCE = """
select relation.relname::text, 'may be changed by ' || case given.grantee when 0 then 'everybody'
    else pg_get_userbyid(given.grantee)::text end || ' (' || string_agg(lower(given.privilege_type), ', ') || ')'
from pg_class as relation, aclexplode(relation.relacl) as given
where relation.relnamespace = 'public'::regnamespace and relation.relname = any (%(tables)s)
    and given.grantee <> relation.relowner and given.privilege_type = any (%(denied)s)
group by relation.relname, given.grantee
union all
select table_name, 'may be changed by ' || grantee || ' in the column ' || column_name
from (
    select relation.relname::text as table_name, attname::text as column_name, given.privilege_type,
        case given.grantee when 0 then 'everybody' else pg_get_userbyid(given.grantee)::text end as grantee
    from pg_class as relation
    join pg_attribute as one on one.attrelid = relation.oid and one.attnum > 0, aclexplode(one.attacl) as given
    where relation.relnamespace = 'public'::regnamespace and given.grantee <> relation.relowner
) as columns
where table_name = any (%(tables)s) and privilege_type = any (%(denied)s)
"""
WRITES = ["UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a trigger calls, and with what."""

    function: str
    arguments: tuple[str, ...]


def check() -> Iterable[Finding]:
    """Compare what there is with what there must be."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    statements = _statements(loader)
    yield from _triggers(statements)
    yield from _functions(statements)
    yield from _constraints()
    yield from found_by(Kind.GUARDS, [ROLE], {})
    only_added = [model._meta.db_table for model in apps.get_models() if getattr(model, "append_only", False)]
    only_read = [model._meta.db_table for model in apps.get_models() if getattr(model, "kept_by_triggers", False)]
    yield from found_by(Kind.GUARDS, [EVIDENCE], {"tables": only_added, "denied": WRITES})
    only_read.append("django_migrations")
    yield from found_by(Kind.GUARDS, [EVIDENCE], {"tables": only_read, "denied": ["INSERT", *WRITES]})


def _statements(loader: MigrationLoader) -> list[str]:
    """All SQL of the desk's own migrations, in the order it is applied."""
    ours = {
        config.label for config in apps.get_app_configs() if config.name in {"users", "settlement", "rfq", "alerting"}
    }
    plan: list[tuple[str, str]] = []
    for leaf in sorted(loader.graph.leaf_nodes()):
        plan += [node for node in loader.graph.forwards_plan(leaf) if node not in plan]
    sql = []
    for node in plan:
        if node[0] in ours:
            operations = loader.graph.nodes[node].operations
            sql += [one.sql for one in operations if isinstance(one, RunSQL) and isinstance(one.sql, str)]
    return sql


def expected_triggers(statements: Iterable[str]) -> dict[tuple[str, str], Trigger]:
    """The triggers that the migrations leave, by table and name."""
    triggers: dict[tuple[str, str], Trigger] = {}
    for statement in statements:
        for found in TRIGGER.finditer(BODIES.sub("", statement)):
            if found["gone"]:
                triggers.pop((found["gone_table"], found["gone"]), None)
            else:
                arguments = tuple(ARGUMENT.findall(found["arguments"]))
                triggers[found["table"], found["name"]] = Trigger(found["function"], arguments)
    return triggers


def expected_functions(statements: Iterable[str]) -> dict[str, str]:
    """The bodies of the functions that the migrations leave, by name."""
    functions: dict[str, str] = {}
    for statement in statements:
        for found in FUNCTION.finditer(statement):
            if found["gone"]:
                functions.pop(found["gone"], None)
            else:
                functions[found["name"]] = found["body"]
    return functions


def _triggers(statements: list[str]) -> Iterable[Finding]:
    actual, disabled = {}, []
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        for table, name, function, arguments, enabled in cursor.fetchall():
            words = bytes.fromhex(arguments).decode().split("\0")[:-1]
            actual[table, name] = Trigger(function, tuple(words))
            if enabled not in {"O", "A"}:
                disabled.append((table, name))
    for (table, name), trigger in sorted(expected_triggers(statements).items()):
        if (table, name) not in actual:
            yield Finding(Kind.GUARDS, table, f"has lost its trigger {name}")
        elif actual[table, name] != trigger:
            yield Finding(Kind.GUARDS, table, f"has another trigger {name} than its migration made")
    for table, name in sorted(disabled):
        yield Finding(Kind.GUARDS, table, f"has its trigger {name} disabled")


def _functions(statements: list[str]) -> Iterable[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        actual = dict(cursor.fetchall())
    for name, body in sorted(expected_functions(statements).items()):
        if actual.get(name) != body:
            fault = "is missing" if name not in actual else "is not what its migration made"
            yield Finding(Kind.GUARDS, f"function {name}", fault)


def _constraints() -> Iterable[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(CONSTRAINTS)
        actual = {name for (name,) in cursor.fetchall()}
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name not in actual:
                yield Finding(Kind.GUARDS, model._meta.db_table, f"has lost its constraint {constraint.name}")
