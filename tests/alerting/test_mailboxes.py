"""An address is mailed only once its owner proved that it is theirs."""

import re
from datetime import timedelta
from typing import Any

import pytest

from alerting import mailboxes, readers
from alerting.models import MailAddress, OutboundMessage
from tests import factories
from tests.alerting.mail import mailed, mails, server, work
from tests.fakes.mail import MailServer
from trading.lib import clock
from users.models import AuditEvent, User

__all__ = ["server"]
ADDRESS = "olga@desk.example"


@pytest.fixture
def olga(db: None) -> User:
    return factories.user("ops")


def code(server: MailServer) -> str:
    work()
    plain = next(iter(server.letters[-1].iter_parts())).get_content()
    return str(re.findall(r"\b\d{8}\b", plain)[0])


def prove(user: User, typed: str, **later: Any) -> object:
    return mailboxes.prove_address(actor=user, code=typed, now=clock.now() + timedelta(**later))


def test_the_mailed_code_proves_it_and_no_row_holds_the_code(olga: User, server: MailServer) -> None:
    asked = mailboxes.ask_address(actor=olga, address=f" {ADDRESS} ", now=clock.now())
    assert list(readers.readers([olga])) == []

    typed = code(server)
    (row,) = mails()
    assert typed not in str(row.payload)
    assert typed not in asked.seed
    prove(olga, f" {typed[:4]} {typed[4:]} ")
    assert [one.address for one in readers.readers([olga])] == [ADDRESS]
    assert AuditEvent.objects.filter(name__startswith="mail.").order_by("pk").values_list("name", flat=True)[1] == (
        "mail.proved"
    )


def test_five_wrong_guesses_and_an_hour_end_a_code(olga: User, server: MailServer) -> None:
    mailboxes.ask_address(actor=olga, address=ADDRESS, now=clock.now())
    typed = code(server)
    wrong = "00000000" if typed != "00000000" else "11111111"
    for _guess in range(5):
        assert isinstance(prove(olga, wrong), mailboxes.WrongProof)
    with pytest.raises(mailboxes.NoAddressToProve):
        prove(olga, typed)

    mailboxes.ask_address(actor=olga, address=ADDRESS, now=clock.now() + timedelta(minutes=2))
    fresh = code(server)
    assert fresh != typed
    with pytest.raises(mailboxes.NoAddressToProve):
        prove(olga, fresh, hours=2)
    prove(olga, fresh, minutes=2)


def test_nobody_is_flooded_with_codes(olga: User, server: MailServer) -> None:
    mailboxes.ask_address(actor=olga, address=ADDRESS, now=clock.now())
    with pytest.raises(mailboxes.AskedTooSoon):
        mailboxes.ask_address(actor=olga, address="other@desk.example", now=clock.now())


NO_ADDRESSES = ["a@b.example\r\nBcc: c@d.example", "a@b", "a b@c.example", f"{'a' * 250}@b.example"]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_refused(olga: User, server: MailServer, address: str) -> None:
    with pytest.raises(mailboxes.NotAnAddress):
        mailboxes.ask_address(actor=olga, address=address, now=clock.now())
    assert not MailAddress.objects.exists()


def test_without_a_mail_server_none_is_asked_for(olga: User) -> None:
    with pytest.raises(mailboxes.MailIsOff):
        mailboxes.ask_address(actor=olga, address=ADDRESS, now=clock.now())


def test_a_letter_with_a_code_that_another_address_made_void_is_not_sent(olga: User, server: MailServer) -> None:
    mailboxes.ask_address(actor=olga, address=ADDRESS, now=clock.now())
    mailboxes.ask_address(actor=olga, address="other@desk.example", now=clock.now() + timedelta(minutes=2))
    work()

    assert server.recipients == ["other@desk.example"]
    assert [row.status for row in mails()] == ["too_late", "sent"]


def test_an_address_that_never_took_mail_alarms_nobody(olga: User, server: MailServer) -> None:
    server.will_say("RCPT", "550 5.1.1 no such user")
    mailboxes.ask_address(actor=olga, address=ADDRESS, now=clock.now())
    work()

    assert MailAddress.objects.get().refused_at is not None
    assert not AuditEvent.objects.filter(name="mail.refused").exists()


def test_the_address_that_is_left_is_told(olga: User, server: MailServer) -> None:
    mailed(olga, ADDRESS)
    mailboxes.ask_address(actor=olga, address="other@desk.example", now=clock.now() + timedelta(minutes=2))
    work()
    told = next(letter for letter in server.letters if letter["To"] == ADDRESS)
    assert "other@desk.example" in next(iter(told.iter_parts())).get_content()
    mailboxes.leave_address(actor=olga, now=clock.now())
    mailboxes.leave_address(actor=olga, now=clock.now())

    assert not MailAddress.objects.exists()
    assert AuditEvent.objects.filter(name__in=["mail.changed", "mail.left"]).count() == 2
    assert OutboundMessage.objects.filter(event__name="mail.left").count() == 0
