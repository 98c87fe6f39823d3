"""The notification log and one's own choices in a browser: sound in every look and language, and without script."""

import pytest

from alerting.models import MailAddress
from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from tests.console.test_notifications import message
from trading.lib import clock
from users.models import User


def pages(user: User) -> list[str]:
    now = clock.now()
    MailAddress.objects.create(user=user, address="reader@desk.example", seed="of a test", asked_at=now)
    mail = {"chat_id": 0, "address": "reader@desk.example", "method": "mail"}
    words = {
        "text": "<b>A wallet is paused</b>\nhot-1: the chain has less than the books.",
        "subject": "A wallet is paused",
    }
    for status in ("waiting", "sending", "sent", "too_late", "unreachable"):
        message(user, status, payload=words, **mail)
    dead = message(user, "failed", request_id="REQ-7KQ2M4TX", error="554 5.7.1 looks like spam", payload=words, **mail)
    message(None, "failed", method="card", payload={"subject": "RFQ-1"})
    return [
        "/notifications/",
        "/notifications/?state=dead&channel=mail",
        "/notifications/?q=nobody",
        f"/notifications/{dead.ref}/",
        "/profile/notifications/",
    ]


@in_looks("olga", "amir")
def test_the_pages_are_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)
    for url in pages(user):
        page.goto(url)
        watch.check()
