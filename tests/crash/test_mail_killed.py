"""A worker killed with `kill -9` while a mail server has the letter and has not answered."""

import signal
import sys
from typing import Any

import pytest
from django.db import connection

from alerting.models import OutboundMessage
from tests import factories
from tests.alerting.mail import freeze, reader, server, work
from tests.crash.running import program, wait_for
from tests.fakes.mail import TAKE_AND_STALL, MailServer
from trading import tasks

__all__ = ["server"]


@pytest.mark.processes
def test_it_is_sent_again_under_the_same_name_and_not_once_more(db: None, telegram: Any, server: MailServer) -> None:
    reader()
    server.will_say("DATA", TAKE_AND_STALL)
    freeze(factories.counterparty("client"))
    mail_server = {"EMAIL_URL": f"smtp://127.0.0.1:{server.port}", "EMAIL_FROM": "desk@desk.example"}
    with program(sys.executable, "manage.py", "worker", "--queues", "messages", **mail_server) as running:
        wait_for(server.at_data.is_set)
        running.send_signal(signal.SIGKILL)
        running.wait()
    row = OutboundMessage.objects.get(method="mail")
    assert row.status == "sending"

    with connection.cursor() as cursor:  # its silence, without waiting for it
        cursor.execute("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'")
    tasks.retry_stalled(0)
    work()
    work()

    row.refresh_from_db()
    assert (row.status, row.attempts) == ("sent", 2)
    assert len(server.letters) == 2
    assert len({letter["Message-ID"] for letter in server.letters}) == 1
