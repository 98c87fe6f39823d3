"""`manage.py worker`: does the jobs."""

import asyncio
import logging
import os
import signal
import time
from argparse import ArgumentParser
from importlib import import_module
from typing import Any, NoReturn

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.db_cleanup import close_db_connections
from procrastinate.contrib.django.utils import connector_params

from alerting import requests
from rfq.rates import configuration
from settlement import chains, tron_chains
from settlement.reconciliation import rounds
from trading.lib import alive, clock, job_connector
from trading.tasks import HEARTBEAT_SECONDS, STALLED_SECONDS

log = logging.getLogger("desk.worker")

CONCURRENCY = 12  # most jobs wait for Telegram or a chain, and what is slow there must not stop the others
POLLING_SECONDS = 0.05  # no notice comes of a job whose lock becomes free, and one may be missed
WATCH_SECONDS = 1.0
SILENCE_SECONDS = 5.0
GRACE_SECONDS = 25.0
LONGEST_PAUSE_SECONDS = 5.0


class Command(BaseCommand):
    help = "Do the jobs: deliveries, messages, deadlines. SIGTERM lets running jobs finish."
    requires_system_checks = ()  # some ask the database, which may be away for now

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queues", help="comma separated; all by default", default="")
        parser.add_argument("--concurrency", type=int, default=CONCURRENCY)
        parser.add_argument(
            "--no-listen", action="store_true", help="do not wait for NOTIFY: behind a pool that lends transactions"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        queues = [name.strip() for name in options["queues"].split(",") if name.strip()]
        import_module("trading.bot.application")  # seconds of imports that the first message need not wait for
        try:
            configuration.build(settings.REFERENCE_SOURCES, clock=clock.now)
            chains.configured()
            tron_chains.configured()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if not settings.MAILERS:
            log.warning("e-mail is off: EMAIL_URL is not set")
        await_database()
        rounds.guard_start()
        connection.close()
        alive.show()
        outcome = asyncio.run(work(queues, options["concurrency"], listen=not options["no_listen"]))
        if outcome:
            raise CommandError(outcome)


def await_database() -> None:
    """Wait until PostgreSQL answers, saying so once a pause."""
    pause = 0.5
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            log.warning("PostgreSQL does not answer (%s); trying again in %.1f s", _first_line(error), pause)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            connection.close()
            return


async def work(queues: list[str], concurrency: int, *, listen: bool = True) -> str:
    """
    Work on these queues (none: all) until told to stop. Returns why it ended by itself, else nothing.

    :param listen: be told of new jobs by NOTIFY; else they are found by looking, every `POLLING_SECONDS`. In a pool
        that lends transactions the notices would go to whoever has the connection by then.
    """
    # Not the library's own command: it swaps the whole process's connector, and the jobs deferred by
    # operations would escape their transactions.
    async with app.with_connector(job_connector.build()).open_async() as worker_app:
        working = asyncio.create_task(
            worker_app.run_worker_async(
                queues=queues or None,  # type: ignore[arg-type]  # None is documented as "all"
                concurrency=concurrency,
                listen_notify=listen,
                fetch_job_polling_interval=POLLING_SECONDS,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS * 5,
                shutdown_graceful_timeout=GRACE_SECONDS,
                delete_jobs="successful",
                # Asynchronous jobs leave the loop by `threads.run`, which looks after its own connections.
                task_middleware=[close_db_connections],
                install_signal_handlers=False,
            )
        )
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        stopping = asyncio.create_task(told.wait())
        watching = asyncio.create_task(_end_with_database())
        counting = asyncio.create_task(requests.keep_handing_over())
        showing = asyncio.create_task(alive.keep_showing())
        log.info("the worker works on %s", ", ".join(queues) if queues else "all queues")
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if told.is_set():
            log.info("the worker finishes its running jobs and ends")
            working.cancel()
        await asyncio.wait({working})
        for task in (stopping, watching, counting, showing):
            task.cancel()
        await asyncio.wait({counting})
    if told.is_set():
        return ""
    why = _first_line(working.exception() or "a side task failed")
    return f"The worker ended by itself ({why}); start it again."


async def _end_with_database() -> None:
    """
    End the process at once when PostgreSQL goes away.

    What runs then cannot be finished, and nothing is lost: its jobs are run again. A fresh process
    is surer than one that mends a dozen broken connections.
    """
    watching = connector_params("default") | {"connect_timeout": int(SILENCE_SECONDS)}
    try:
        async with await psycopg.AsyncConnection.connect(**watching, autocommit=True) as watched:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                asking = asyncio.ensure_future(watched.execute("select 1"))
                answered, _waiting = await asyncio.wait({asking}, timeout=SILENCE_SECONDS)
                if not answered:
                    # Neither cancelled nor closed: for both, a server that is cut off would be waited for.
                    _end(f"no answer in {SILENCE_SECONDS:g} s")
                await asking
    except psycopg.OperationalError as error:
        _end(_first_line(error))


def _end(why: str) -> NoReturn:
    log.error("PostgreSQL went away (%s): the worker ends, to be started again", why)
    logging.shutdown()
    os._exit(1)


def _first_line(problem: object) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]
