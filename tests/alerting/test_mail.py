"""What staff asked to be told by mail arrives at a real mail server, once, whatever it answers."""

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from alerting import letters, mail_jobs, preferences, readers, resending, routing, subjects, topics
from alerting.models import Channel, MailAddress, OutboundMessage, QuietHours
from alerting.outcomes import Later, TooLate
from tests import factories
from tests.alerting.mail import REASON, freeze, hurry, mailed, mailers, mails, reader, server, work
from tests.fakes.mail import CUT, PASSWORD, TAKE_AND_CUT, USER, MailServer, certificate, running
from tests.sandbox.conftest import free_port
from trading.lib import clock
from trading.lib.errors import Forbidden
from users.models import AuditEvent, TelegramLink

__all__ = ["server"]
Level = preferences.Level


def test_a_letter_says_it_in_words_and_html_and_that_a_program_wrote_it(db: None, server: MailServer) -> None:
    olga, client = reader(), factories.counterparty("client")
    event = freeze(client)
    work()

    (letter,) = server.letters
    (row,) = mails()
    assert server.recipients == ["olga@desk.example"]
    assert server.commands == ["MAIL desk@desk.example"]
    assert letter["From"] == "desk@desk.example"
    assert letter["To"] == "olga@desk.example"
    assert letter["Subject"] == f"[USDT desk] A client is frozen: {client.ref}"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Id"] == "USDT desk <notifications.localhost>"
    assert re.fullmatch(r"<[0-9a-f]{32}@localhost>", letter["Message-ID"])
    plain, rich = [part.get_content() for part in letter.iter_parts()]
    for body in (plain, rich):
        assert client.name in body
        assert REASON in body
        assert "/profile/notifications/" in body
        assert f"/search/?q={client.ref}" in body
    assert "<" not in plain
    assert '<html lang="en" dir="ltr">' in rich
    assert (row.status, row.attempts, row.user, row.event) == ("sent", 1, olga, event)


def test_it_comes_in_the_readers_language_from_their_side(db: None, server: MailServer) -> None:
    reader("navid@desk.example", language="fa")
    freeze(factories.counterparty("client"))
    work()

    rich = list(server.letters[0].iter_parts())[1].get_content()
    assert '<html lang="fa" dir="rtl">' in rich
    assert re.search("[\u0600-\u06ff]", server.letters[0]["Subject"])


def test_markup_of_others_stays_words(db: None, server: MailServer) -> None:
    reader()
    freeze(factories.counterparty("client", name='<img src=x onerror="a()"> & Sons'))
    work()

    plain, rich = [part.get_content() for part in server.letters[0].iter_parts()]
    assert '<img src=x onerror="a()"> & Sons' in plain
    assert "<img" not in rich


def test_one_event_is_told_once_by_each_channel(db: None, server: MailServer) -> None:
    olga = reader()
    TelegramLink.objects.create(user=olga, telegram_id=7, linked_at=clock.now(), withdrawals_from=clock.now())
    event = freeze(factories.counterparty("client"))
    for _again in range(2):
        routing.dispatch(event.pk, now=clock.now())

    assert sorted(OutboundMessage.objects.values_list("method", flat=True)) == ["mail", "send"]


def test_nothing_is_written_where_no_server_is_configured(db: None) -> None:
    reader()
    freeze(factories.counterparty("client"))
    work()

    assert mails() == []


def test_who_does_not_want_a_topic_by_mail_still_hears_of_it_in_telegram(db: None, server: MailServer) -> None:
    olga = reader()
    TelegramLink.objects.create(user=olga, telegram_id=7, linked_at=clock.now(), withdrawals_from=clock.now())
    preferences.choose_level(actor=olga, topic="pauses", level=Level.OFF, channel=Channel.MAIL, now=clock.now())
    with pytest.raises(preferences.UnknownLevel):
        preferences.choose_level(actor=olga, topic="pauses", level=Level.SILENT, channel=Channel.MAIL, now=clock.now())
    told = list(readers.readers([olga]))
    messages = [OutboundMessage(user=olga, method="mail" if one.address else "send") for one in told]

    assert [one.method for one in preferences.heed(messages, "lp.paused", now=clock.now())] == ["send"]
    assert [one.method for one in preferences.heed(messages, "audit.broken", now=clock.now())] == ["send", "mail"]


def test_mail_waits_for_the_end_of_quiet_hours_and_alarms_do_not(db: None, server: MailServer) -> None:
    olga = reader()
    QuietHours.objects.create(user=olga, starts=time(22), ends=time(7))
    night = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
    for event, until in (("lp.paused", datetime(2026, 11, 28, 7, tzinfo=UTC)), ("audit.broken", None)):
        (kept,) = preferences.heed([OutboundMessage(user=olga, method="mail")], event, now=night)
        assert kept.not_before == until
    (kept,) = preferences.heed(
        [OutboundMessage(user=olga, method="mail")], "lp.paused", now=night + timedelta(hours=12)
    )
    assert kept.not_before is None


@pytest.mark.parametrize(
    ("phase", "answer"),
    [
        ("MAIL", "421 4.3.2 closing"),
        ("RCPT", "450 4.2.1 come again"),
        ("DATA", "451 4.3.0 not now"),
        ("DATA", CUT),
        ("DATA", TAKE_AND_CUT),
    ],
)
def test_trouble_of_the_moment_holds_up_that_letter_alone(
    db: None, server: MailServer, phase: str, answer: str
) -> None:
    reader("first@desk.example")
    reader("second@desk.example")
    server.will_say(phase, answer)
    freeze(factories.counterparty("client"))
    work()

    waiting = next(one for one in mails() if one.status == "waiting")
    sent = next(one for one in mails() if one.status == "sent")
    assert (waiting.attempts, sent.attempts) == (1, 1)
    assert waiting.error
    assert waiting.not_before is not None
    assert waiting.not_before > clock.now()
    hurry()
    assert {one.status for one in mails()} == {"sent"}
    taken = [letter["To"] for letter in server.letters]
    assert sorted(set(taken)) == ["first@desk.example", "second@desk.example"]
    # What broke off may have been taken: it comes again under its name, by which a mailbox knows it.
    assert len(taken) == (3 if answer == TAKE_AND_CUT else 2)
    assert len({letter["Message-ID"] for letter in server.letters}) == 2


def test_pauses_grow_and_end_with_giving_up(db: None, server: MailServer) -> None:
    assert [mail_jobs.pause(attempts).total_seconds() for attempts in (1, 2, 3, 20)] == [10, 20, 40, 1800]
    reader()
    server.will_say("RCPT", "450 4.2.1 come again", "450 4.2.1 come again")
    freeze(factories.counterparty("client"), now=clock.now())
    work()
    row = mails()[0]
    mail_jobs._record(row_in_hand(row), Later("450"), clock.now() + timedelta(days=2, minutes=1))

    row.refresh_from_db()
    assert row.status == "failed"


def row_in_hand(row: OutboundMessage) -> OutboundMessage:
    """Taken for sending, as the job has it."""
    from alerting import operations  # noqa: PLC0415 - for this one step

    operations.claim_message(message=row, now=clock.now())
    return row


def test_an_address_that_takes_no_mail_is_closed_told_and_opened_by_sending_again(db: None, server: MailServer) -> None:
    olga = reader()
    omar = reader("omar@desk.example")
    server.will_say("olga@desk.example", "550 5.1.1 no such user")
    freeze(factories.counterparty("client"))
    work()

    row = OutboundMessage.objects.get(user=olga)
    assert (row.status, row.error) == ("unreachable", "550 5.1.1 no such user")
    assert MailAddress.objects.get(user=olga).refused_at is not None
    assert AuditEvent.objects.get(name="mail.refused").subject_ref == olga.ref
    assert [letter["Subject"].split("] ")[1] for letter in server.letters if letter["To"] == "omar@desk.example"] == [
        f"A client is frozen: {row.event.subject_ref}",  # type: ignore[union-attr]
        f"An address takes no mail: {olga.ref}",
    ]
    freeze(factories.counterparty("client"))
    work()
    assert OutboundMessage.objects.filter(user=olga).count() == 1

    resending.resend(ref=row.ref, actor=omar, now=clock.now())
    work()
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error) == ("sent", 1, "")
    assert MailAddress.objects.get(user=olga).refused_at is None
    assert AuditEvent.objects.get(name="notification.resent").before["error"] == "550 5.1.1 no such user"


def test_a_letter_that_is_refused_is_given_up_and_only_some_may_send_it_again(db: None, server: MailServer) -> None:
    olga = reader()
    server.will_say("DATA", "554 5.7.1 looks like spam")
    freeze(factories.counterparty("client"))
    work()

    row = mails()[0]
    assert (row.status, row.error) == ("failed", "554 5.7.1 looks like spam")
    assert MailAddress.objects.get(user=olga).refused_at is None
    with pytest.raises(Forbidden):
        resending.resend(ref=row.ref, actor=factories.user("approver"), now=clock.now())
    resending.resend(ref=row.ref, actor=olga, now=clock.now())
    with pytest.raises(resending.NotGivenUp):
        resending.resend(ref=row.ref, actor=olga, now=clock.now())
    work()
    assert len(server.letters) == 1


def test_nothing_is_sent_again_to_where_its_reader_is_no_more(db: None, server: MailServer) -> None:
    olga = reader()
    server.will_say("DATA", "554 5.7.1 looks like spam")
    freeze(factories.counterparty("client"))
    work()
    MailAddress.objects.filter(user=olga).update(address="elsewhere@desk.example")

    with pytest.raises(resending.ReaderGone):
        resending.resend(ref=mails()[0].ref, actor=olga, now=clock.now())


def test_starttls_and_a_sign_in_and_no_secret_in_the_log(
    db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    tls, trusted = certificate(tmp_path)
    reader()
    freeze(factories.counterparty("client"))
    with running(free_port(), tls=tls) as server:
        for password, taken in (("wrong", 0), (PASSWORD, 0), (PASSWORD, 1)):
            settings.MAILERS = mailers(server.port, use_tls=True, username=USER, password=password)
            hurry()
            assert len(server.letters) == taken
            if password == PASSWORD:
                # Until now the desk had no reason to trust the certificate.
                monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert server.sign_ins[-1] != "wrong"
    assert mails()[0].status == "sent"
    ours = [line for line in caplog.records if not line.name.startswith("mail.")]  # aiosmtpd tells what it hears
    written = " ".join(str(vars(line)) for line in ours)
    assert "is sent: mail" in written
    assert PASSWORD not in written
    assert "olga@desk.example" not in written


@pytest.mark.parametrize(
    "address", ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "a b@c.example", "a@b", "<a@b.example>"]
)
def test_no_row_holds_what_could_be_another_header_or_recipient(db: None, address: str) -> None:
    olga = factories.user("ops")
    with pytest.raises(IntegrityError, match="mail_address_plain"), transaction.atomic():
        mailed(olga, address)
    row = OutboundMessage(key="k", chat_id=0, address=address, user=olga, method="mail", created_at=clock.now())
    with pytest.raises(IntegrityError, match="outbound_one_way"), transaction.atomic():
        row.save()


def test_a_subject_cannot_begin_another_header(db: None, server: MailServer) -> None:
    olga = reader()
    row = OutboundMessage(
        key="k", chat_id=0, address="olga@desk.example", user=olga, method="mail", created_at=clock.now()
    )
    row.payload = {"text": "x", "subject": "a\r\nBcc: c@d.example"}
    row.save()
    letter = letters.write(row)

    assert not isinstance(letter, TooLate)
    assert letter.subject == "a Bcc: c@d.example"
    assert letter.message()["Bcc"] is None


def test_every_event_has_a_subject() -> None:
    known = {*subjects.SUBJECTS, *topics.TOPIC_OF_EVENT, subjects.FIRES, subjects.IS_OVER}
    assert set(routing.ROUTES) - known == CARDS_ONLY
    assert set(subjects.SUBJECTS) <= set(routing.ROUTES)


@pytest.mark.parametrize(("name", "sign"), [("alert.told", ""), ("alert.resolved", "✅ ")])
def test_an_alert_is_called_by_its_name(name: str, sign: str) -> None:
    event = AuditEvent(name=name, subject_ref="ALR-7KQ2", after={"type": "wallet_low", "subject": "hot-1"})

    assert subjects.of(event) == f"[USDT desk] {sign}A wallet has less than its minimum: hot-1"


# The routes that only refresh cards, which no mail shows.
CARDS_ONLY = {
    *("rfq.passed", "rfq.cancelled", "rfq.expired"),
    *("quote.submitted", "quote.entered", "quote.confirmed", "quote.pulled", "quote.expired"),
}
