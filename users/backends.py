"""Signing in with a password: the first of two factors."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from trading.lib import clock, http
from users import operations
from users.models import User
from users.operations.signing_in import WrongPassword


class PasswordBackend(BaseBackend):
    """Username and password of an active person. It gives no permissions: capabilities do."""

    def authenticate(
        self, request: HttpRequest | None, username: str = "", password: str = "", **_kwargs: Any
    ) -> User | None:
        """
        The user, or nothing.

        :raises LockedOut: too many passwords were wrong; this one was not looked at.
        """
        address = http.client_address(request) if request else None
        try:
            return operations.check_password(username=username, password=password, address=address, now=clock.now())
        except WrongPassword:
            return None

    def get_user(self, user_id: int) -> User | None:
        """The signed-in user, as long as it is active."""
        return User.objects.filter(pk=user_id, status=User.Status.ACTIVE).first()
