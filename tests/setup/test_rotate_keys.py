"""Encrypting anew with the newest key: everything, once, without losing what no key reads."""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connections

from tests import factories
from tests.console import scene
from tests.console.codes import code
from trading.lib import clock
from users import operations
from users.models import AuditEvent, Role, TotpDevice


@pytest.fixture(autouse=True)
def owners_connection(db: None) -> Any:
    yield
    connections["owner"].close()


def rotate() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue().strip()


def test_every_secret_gets_the_newest_key_and_still_works(settings: Any) -> None:
    amir, adele = scene.person("amir", Role.APPROVER), scene.person("adele", Role.APPROVER)
    for user in (amir, adele):
        scene.authenticator(user)
    old, new = settings.FIELD_ENCRYPTION_KEYS, Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, *old]

    first, second = rotate(), rotate()
    settings.FIELD_ENCRYPTION_KEYS = [new]

    assert (first, second) == (
        "renewed 2, already with the newest key 0",
        "renewed 0, already with the newest key 2",
    )
    assert operations.verify_otp(user=amir, token=code(scene.TOTP_KEY), now=clock.now())
    assert [event.after for event in AuditEvent.objects.filter(name="secrets.rotated").order_by("pk")] == [
        {"renewed": 2, "unreadable": []},
        {"renewed": 0, "unreadable": []},
    ]


def test_what_no_key_reads_is_named_and_left_as_it_is(settings: Any) -> None:
    amir = scene.person("amir", Role.APPROVER)
    device = scene.authenticator(amir)
    before = bytes(TotpDevice.objects.get(pk=device.pk).secret)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert factories.founders()

    with pytest.raises(CommandError, match=f"users_totpdevice {device.pk}") as told:
        rotate()

    assert told.value.returncode == 3
    assert bytes(TotpDevice.objects.get(pk=device.pk).secret) == before
