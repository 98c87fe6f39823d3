"""Signing in with a password: the first of two factors."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from users.models import User


class PasswordBackend(BaseBackend):
    """Username and password of an active person. It gives no permissions: capabilities do."""

    def authenticate(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - Django's signature
        username: str = "",
        password: str = "",
        **_kwargs: Any,
    ) -> User | None:
        """The user, or nothing. An unknown name costs as much time as a wrong password."""
        user = User.objects.filter(username__iexact=username, kind=User.Kind.HUMAN).first()
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: int) -> User | None:
        """The signed-in user, as long as it is active."""
        return User.objects.filter(pk=user_id, status=User.Status.ACTIVE).first()
