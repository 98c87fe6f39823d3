"""The two roles on a server of one's own: `DATABASE_URL` names the owner, the runtime role is made beside it."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psycopg
from psycopg import sql

from trading.sandbox import localenv
from trading.sandbox.localenv import SetupError

LONGEST_NAME = 63


def from_environment() -> tuple[str, str]:
    """
    The owner's and the runtime role's address for the server in the environment.

    Both are taken as they are when `DATABASE_OWNER_URL` is given as well.
    """
    given = localenv.value("DATABASE_URL")
    if localenv.given("DATABASE_OWNER_URL"):
        return localenv.value("DATABASE_OWNER_URL"), given
    return provision(given)


def provision(admin_url: str, password: str = "") -> tuple[str, str]:
    """
    Make (or keep) the runtime role `<database>_app` on that server; it owns nothing.

    :param admin_url: a role that owns the database and may create roles; it becomes the owner's address.
    :param password: the runtime role's; by default the one that desk.env keeps.
    :raises SetupError: no such server, or the role may not do that; the sentence says what to do.
    """
    password = password or localenv.ensure()["DATABASE_APP_PASSWORD"]
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as connection:
            role = f"{connection.info.dbname}_app"[:LONGEST_NAME]
            _make_role(connection, role, password)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise SetupError(
            f"DATABASE_URL cannot be used ({reason}): correct it, or unset it for a private one."
        ) from None
    return admin_url, _with_role(admin_url, role, password)


def _make_role(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> None:
    name = sql.Identifier(role)
    exists = connection.execute("select from pg_roles where rolname = %s", [role]).fetchone() is not None
    try:
        if not exists:
            connection.execute(sql.SQL("create role {} login").format(name))
        connection.execute(sql.SQL("alter role {} with login password {}").format(name, sql.Literal(password)))
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("grant connect on database {} to {}").format(database, name))
    except psycopg.errors.InsufficientPrivilege:
        raise SetupError(
            f"The role {connection.info.user} of DATABASE_URL may not make the runtime role {role}: "
            "give it CREATEROLE, or make the two roles yourself and set DATABASE_OWNER_URL as well."
        ) from None


def _with_role(url: str, role: str, password: str) -> str:
    """The same address for another role."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] not in {"user", "password"}])
    login = f"{quote(role, safe='')}:{quote(password, safe='')}"
    return parts._replace(scheme="postgresql", netloc=f"{login}@{where}", query=query).geturl()
