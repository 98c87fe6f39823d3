"""The notification log, sending again by hand, and what a person chooses to be told."""

import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerting.models import Channel, MailAddress, NotificationChoice, OutboundMessage, QuietHours
from tests import factories
from tests.alerting.mail import mailed, server, work
from tests.console import scene
from tests.console.conftest import verified_client
from tests.console.test_rooms import text
from tests.fakes.mail import MailServer
from trading.lib import clock
from users import operations
from users.models import AuditEvent, Counterparty, Role, User

__all__ = ["server"]


def message(user: User | None, status: str = "sent", **more: Any) -> OutboundMessage:
    """Put where it stands, through the same gates as ever."""
    now = clock.now()
    given = {"chat_id": 7, "method": "send", "payload": {"text": "<b>News</b> &amp; more"}} | more
    made = OutboundMessage(key=factories.unique("message"), user=user, created_at=now, **given)
    made.save()
    for step in {"waiting": (), "sending": ("sending",)}.get(status, ("sending", status)):
        made.move(step, at=now, **({"sent_at": now} if step == "sent" else {}))
    return made


def refs(page: str) -> list[str]:
    return re.findall(r'id="row-(MSG-\d+)"', page)


def test_the_log_is_filtered_and_paged_by_key_at_a_fixed_cost(console: Client, olga: User) -> None:
    counts = []
    for rows in (4, 60):
        for _row in range(rows):
            message(olga)
        console.get("/notifications/")
        with CaptureQueriesContext(connection) as asked:
            page = text(console.get("/notifications/"))
        counts.append(len(asked))
    assert counts[0] == counts[1]
    newest = [f"MSG-{pk:04}" for pk in OutboundMessage.objects.order_by("-pk").values_list("pk", flat=True)]
    assert refs(page) == newest[:50]
    older = re.search(r'href="(/notifications/\?before=[^"]+)"', page)
    assert older is not None
    assert refs(text(console.get(older[1]))) == newest[50:]

    waits, dead = message(olga, "waiting"), message(olga, "failed")
    mail = message(olga, chat_id=0, address="o@desk.example", method="mail", request_id="REQ-12345678")
    for query, found in (
        ("state=waiting", [waits]),
        ("state=dead", [dead]),
        ("channel=mail", [mail]),
        ("q=REQ-12345678", [mail]),
        (f"q={dead.ref.lower()}", [dead]),
        ("q=nobody", []),
    ):
        assert refs(text(console.get(f"/notifications/?{query}"))) == [one.ref for one in found], query


def test_a_message_is_shown_whole_and_its_words_are_words(console: Client, olga: User) -> None:
    made = message(olga, "failed", payload={"text": "<b>News</b> of &lt;script&gt;", "buttons": [[["Yes", "tok-1"]]]})
    page = text(console.get(f"/notifications/{made.ref}/"))

    assert "News of &lt;script&gt;" in page
    assert "tok-1" not in page
    assert "Resend" in page
    assert console.get("/notifications/MSG-9999/").status_code == 404
    assert console.get("/notifications/x/").status_code == 404


def test_what_was_given_up_is_sent_again_by_hand_once(console: Client, olga: User, server: MailServer) -> None:
    mailed(olga, "o@desk.example")
    payload = {"text": "News", "subject": "News"}
    made = message(olga, "failed", chat_id=0, address="o@desk.example", method="mail", payload=payload)
    path = f"/notifications/{made.ref}/resending/"

    page = text(console.post(path, follow=True))
    assert "goes out again" in page
    again = console.post(path)
    assert again.status_code == 409
    assert "was not given up" in text(again)
    work()
    assert [letter["To"] for letter in server.letters] == ["o@desk.example"]
    event = AuditEvent.objects.get(name="notification.resent")
    assert (event.subject_ref, event.actor, event.capability) == (made.ref, olga, "notification.resend")


def test_auditors_read_and_send_nothing(console: Client, olga: User) -> None:
    made = message(olga, "failed")
    audrey = verified_client(scene.person("audrey", Role.AUDITOR))

    assert "Resend" not in text(audrey.get(f"/notifications/{made.ref}/"))
    assert audrey.post(f"/notifications/{made.ref}/resending/").status_code == 403


def test_who_serves_some_counterparties_sees_what_was_said_to_their_people(console: Client, olga: User) -> None:
    ours, theirs = factories.user("trader"), factories.user("trader")
    stella = scene.person("stella", Role.OPS)
    serves = list(Counterparty.objects.filter(users=ours))
    operations.narrow_scope(
        user=stella, keep=serves, actor=factories.founders()[0], reason="She looks after them only.", now=clock.now()
    )
    stella.refresh_from_db()
    seen, hidden, own = message(ours), message(theirs), message(stella)
    browser = verified_client(stella)

    assert refs(text(browser.get("/notifications/"))) == [own.ref, seen.ref]
    assert browser.get(f"/notifications/{hidden.ref}/").status_code == 404


def test_levels_by_channel_and_quiet_hours_are_kept(console: Client, olga: User) -> None:
    page = text(console.get("/profile/notifications/"))
    fields = re.findall(r'name="((?:telegram|mail)-\w+)"', page)
    assert len(fields) == 2 * len({name.split("-", 1)[1] for name in fields})
    choices = dict.fromkeys(fields, "on") | {"mail-pauses": "off", "telegram-disputes": "silent"}

    assert console.post("/profile/notifications/levels/", choices | {"quiet_hours": "22:00-07:00"}).status_code == 302
    kept = NotificationChoice.objects.filter(user=olga).values_list("topic", "channel", "level")
    assert set(kept) == {("pauses", Channel.MAIL, "off"), ("disputes", Channel.TELEGRAM, "silent")}
    assert str(QuietHours.objects.get(user=olga)) == "22:00–07:00"
    refused = console.post("/profile/notifications/levels/", choices | {"quiet_hours": "late"})
    assert refused.status_code == 422
    assert "I cannot read these hours" in text(refused)
    assert console.post("/profile/notifications/levels/", choices | {"mail-pauses": "silent"}).status_code == 422


def test_an_address_is_asked_for_proved_and_left_on_the_page(console: Client, olga: User, server: MailServer) -> None:
    assert console.post("/profile/notifications/address/", {"address": "not one"}).status_code == 422
    assert console.post("/profile/notifications/address/", {"address": "olga@desk.example"}).status_code == 302
    assert console.post("/profile/notifications/address/", {"address": "olga@desk.example"}).status_code == 409
    work()
    code = re.findall(r"\b\d{8}\b", next(iter(server.letters[0].iter_parts())).get_content())[0]
    wrong = console.post("/profile/notifications/address/proof/", {"mail_code": "1"})
    assert wrong.status_code == 422
    assert console.post("/profile/notifications/address/proof/", {"mail_code": code}).status_code == 302
    assert "olga@desk.example" in text(console.get("/profile/notifications/"))
    assert MailAddress.objects.get(user=olga).confirmed_at is not None

    console.post("/profile/notifications/address/ending/")
    assert not MailAddress.objects.exists()


def test_where_no_mail_server_is_the_pages_say_so(console: Client) -> None:
    assert "E-mail is off" in text(console.get("/profile/notifications/"))
    assert "E-mail is off" in text(console.get("/notifications/"))
    assert console.post("/profile/notifications/address/", {"address": "o@desk.example"}).status_code == 503
