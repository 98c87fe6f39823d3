"""Statements that are built once give what the ORM gives, and are planned once where that is safe."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, LiteralString

import psycopg
import pytest
from django.db import NotSupportedError, connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models import Exists, OuterRef, QuerySet
from django.test.utils import CaptureQueriesContext

from rfq.models import Rfq
from tests import factories
from tests.probes import sql
from trading.lib import clock, prepared, rows
from trading.lib.ids import new_ref
from trading.lib.operations import Busy, operation
from trading.lib.prepared import Given, Read, any_of
from users.models import Counterparty, User

KEPT: LiteralString = "select count(*) from pg_prepared_statements where statement like %s"


def traders() -> QuerySet[User]:
    asked = Rfq.objects.filter(requested_by=OuterRef("pk"), side="buy")
    return (
        User.objects.select_related("counterparty")
        .annotate(has_asked=Exists(asked))
        .filter(counterparty=Given("counterparty"))
        .exclude(username__contains="%s 100 %")
        .order_by("-pk")
    )


@pytest.fixture
def market(db: None) -> factories.Market:
    return factories.market(flag_on=False)


def ask(market: factories.Market) -> Rfq:
    return factories.rfq(market)


def test_it_finds_those_of_several_values_and_of_none(market: factories.Market) -> None:
    read = Read(lambda: User.objects.filter(username__in=any_of("names", "text")).order_by("pk"))
    by_id = Read(lambda: User.objects.filter(counterparty__in=any_of("parties", "bigint")).order_by("pk"))

    assert read.rows(names=["tara", "nobody", "leo"]) == list(
        User.objects.filter(username__in=["tara", "leo"]).order_by("pk")
    )
    assert by_id.rows(parties=[market.tara.counterparty_id]) == [market.tara]
    assert read.rows(names=[]) == by_id.rows(parties=[]) == []


def test_it_gives_the_rows_that_the_queryset_gives(market: factories.Market) -> None:
    ask(market)
    client = market.tara.counterparty
    assert client is not None
    read = Read(traders)

    for counterparty in (client, Counterparty.objects.exclude(pk=client.pk)[0]):
        plain = User.objects.filter(counterparty=counterparty).order_by("-pk")
        with CaptureQueriesContext(connection) as said:
            found = read.rows(counterparty=counterparty.pk)
            loaded = [user.counterparty for user in found]
        assert found == list(plain)
        assert [vars(one)["username"] for one in found] == [one.username for one in plain]
        assert loaded == [counterparty] * len(found)
        assert len(said) == 1, "what belongs to a row came with it"
    assert {user.pk: user.has_asked for user in read.rows(counterparty=client.pk)}[market.tara.pk]  # type: ignore[attr-defined]


def test_the_first_of_several_and_none(market: factories.Market) -> None:
    read = Read(lambda: User.objects.filter(pk__gte=Given("from")).order_by("pk"))
    everybody = User.objects.order_by("pk")

    assert read.first(**{"from": 0}) == everybody[0]
    last = everybody.reverse()[0]
    assert read.first(**{"from": last.pk + 1}) is None
    assert read.one(**{"from": last.pk}) == last
    with pytest.raises(User.DoesNotExist):
        read.one(**{"from": last.pk + 1})


def test_a_value_that_was_not_given_is_missed(market: factories.Market) -> None:
    with pytest.raises(KeyError, match="counterparty"):
        Read(traders).rows()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_locked_where_nothing_would_keep_it_locked() -> None:
    user = factories.pending_user()
    read = Read(lambda: User.objects.select_for_update().filter(pk=Given("pk")))

    with transaction.atomic():
        assert read.one(pk=user.pk) == user
    with pytest.raises(transaction.TransactionManagementError):
        read.one(pk=user.pk)


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_on_its_own_connection() -> None:
    user, found = factories.pending_user(), []
    read = Read(lambda: User.objects.filter(pk=Given("pk")))
    read.one(pk=user.pk)

    def look() -> None:
        try:
            found.append((read.one(pk=user.pk), connection.connection.info.backend_pid))
        finally:
            connections.close_all()

    beside = threading.Thread(target=look)
    beside.start()
    beside.join()
    assert [who for who, _pid in found] == [user]
    assert found[0][1] != connection.connection.info.backend_pid


def test_a_connection_keeps_the_plan(market: factories.Market) -> None:
    assert market.tara.counterparty is not None
    read = Read(traders)
    for _time in range(3):
        read.rows(counterparty=market.tara.counterparty.pk)

    with connection.cursor() as cursor:
        cursor.execute(KEPT, ["%has_asked%"])
        assert cursor.fetchone() == (1,)


def test_a_connection_that_died_between_requests_is_replaced(market: factories.Market) -> None:
    client = market.tara.counterparty
    assert client is not None
    process = sql("select pg_backend_pid()")
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [process])
    connection.health_check_done = False  # type: ignore[attr-defined]  # as when a request begins

    assert Read(traders).rows(counterparty=client.pk) == [market.tara]
    assert sql("select pg_backend_pid()") != process


@pytest.fixture
def changing() -> Iterator[Callable[[], object]]:
    """A table that the owner changes, as a migration does, when called."""
    with psycopg.connect(**connections["owner"].get_connection_params(), autocommit=True) as owner:
        owner.execute("create table scratch as select 'x'::varchar(5) as word")
        owner.execute("grant select on scratch to public")
        yield lambda: owner.execute("alter table scratch alter word type varchar(9)")
        owner.execute("drop table scratch")


def word() -> str:
    with prepared.cursor() as cursor:
        cursor.execute("select word from scratch")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_plan_that_a_migration_outdated_is_made_anew(changing: Callable[[], object]) -> None:
    assert word() == "x"
    changing()

    assert (word(), word()) == ("x", "x")


@pytest.mark.django_db(transaction=True)
def test_in_an_operation_the_next_time_it_is(changing: Callable[[], object]) -> None:
    asked = operation(word)
    assert asked() == "x"
    changing()

    with pytest.raises(Busy):
        asked()
    assert asked() == "x"


@pytest.mark.django_db(transaction=True)
def test_what_is_not_supported_is_no_plan_to_make_anew() -> None:
    """PostgreSQL gives it the same code."""

    def wrong() -> None:
        with prepared.cursor() as cursor:
            cursor.execute("select * from generate_series(1, 2) limit 1 for update of generate_series")

    with pytest.raises(NotSupportedError):
        wrong()
    with pytest.raises(NotSupportedError):
        operation(wrong)()


@pytest.mark.parametrize(("told", "threshold"), [(4711, 0), (4712, None)])
def test_plans_are_kept_only_where_the_session_is_the_connections_own(told: int, threshold: int | None) -> None:
    """A pooler gives out numbers of its own. (`make test-pooled` has a real one.)"""
    answer: Callable[[str], Any] = lambda _sql: SimpleNamespace(fetchone=lambda: (4711,))  # noqa: E731
    session = SimpleNamespace(execute=answer, info=SimpleNamespace(backend_pid=told), prepare_threshold=7)
    wrapper = DatabaseWrapper(connection.settings_dict)
    wrapper.connection = session

    prepared.keep_plans(wrapper)

    assert session.prepare_threshold is threshold


def test_a_row_is_written_as_the_orm_writes_it(market: factories.Market) -> None:
    model = ask(market)
    other = Rfq.objects.get(pk=model.pk)
    other.pk, other.ref, other.client_rfq_id = None, new_ref("RFQ"), "another"
    other._state.adding = True

    rows.insert(other)

    read = Rfq.objects.get(pk=other.pk)
    own = {"_state", "id", "ref", "client_rfq_id"}
    assert {k: v for k, v in vars(read).items() if k not in own} == {
        k: v for k, v in vars(Rfq.objects.get(pk=model.pk)).items() if k not in own
    }
    assert not other._state.adding


def test_fields_change_only_in_the_status_that_is_named(market: factories.Market) -> None:
    rfq, at = ask(market), clock.now()

    assert not rows.change(rfq, {"updated_at": at}, status="expired")
    assert Rfq.objects.get(pk=rfq.pk).updated_at != at
    assert rows.change(rfq, {"updated_at": at, "requested_by": market.tara}, status=rfq.status)
    assert Rfq.objects.get(pk=rfq.pk).updated_at == at
