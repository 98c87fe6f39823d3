"""People at the console, without a browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY

from tests.console import scene
from trading.lib import clock
from users.models import Passkey, Role, User
from users.sessions import BEGAN, SEEN


@pytest.fixture(autouse=True)
def light_settings(settings: Any) -> Iterator[None]:
    """Pages name their files without the hashes that a build adds, and passwords cost no time."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # argon2 is slow on purpose
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]
    yield
    cache.clear()


def verified_client(user: User, passkey: Passkey | None = None) -> Client:
    """A browser in which the user has given both factors; the second by this passkey, or by a one-time code."""
    device = passkey or scene.authenticator(user)
    client = Client()
    client.force_login(user)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session[BEGAN] = session[SEEN] = clock.now().timestamp()
    session.save()
    return client


@pytest.fixture
def olga(db: None) -> User:
    """Operations."""
    return scene.person("olga", Role.OPS)


@pytest.fixture
def console(olga: User) -> Client:
    """Olga's browser, signed in."""
    return verified_client(olga)
