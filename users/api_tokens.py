"""REST for programs that act for a person: tokens after password and one-time code, the next ones, their end."""

from typing import Annotated, Literal

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from ninja import Router, Schema
from ninja.responses import Status
from pydantic import StringConstraints

from trading.lib import clock, http
from users import limits, operations, tokens
from users.api import Body, Code, Refusal, Short
from users.errors import NoDevice, NotAuthenticated, ReusedCode, WrongCode
from users.operations import Tokens
from users.operations.signing_in import check_password

router = Router(auth=None)
BEARER: Literal["Bearer"] = "Bearer"
REFUSALS = {400: Refusal, 401: Refusal, 429: Refusal}
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Opaque = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]


class WrongFactor(NotAuthenticated):
    """The second factor is missing, not right, or was used before."""

    code = "wrong_code"
    text = _("This one-time code is not right, or was used before. Send the one your authenticator app shows now.")


class SignIn(Body):
    """Both factors of a person."""

    username: Short
    password: Password
    otp: Code


class Refresh(Body):
    """The refresh token that was given last."""

    refresh_token: Opaque


class TokensOut(Schema):
    """An access token for ten minutes, and a refresh token that works once."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str


@router.post(
    "/token", response={200: TokensOut, **REFUSALS, 403: Refusal}, summary="Sign in with password and one-time code"
)
@sensitive_variables("body")
def issue(request: HttpRequest, body: SignIn) -> TokensOut:
    """
    Get tokens for a program that acts for a person. Too many wrong passwords lock the name out for a while.

    Who signs in with a passkey gets none: `passkey_needed`.
    """
    now, address = clock.now(), http.client_address(request)
    _count(request)
    user = check_password(username=body.username, password=body.password, address=address, now=now)
    operations.require_no_passkey(user)
    try:
        operations.verify_otp(user=user, token=body.otp, now=now)
    except (NoDevice, ReusedCode, WrongCode) as error:
        raise WrongFactor from error
    return _out(operations.issue_tokens(user=user, address=address, now=now))


@router.post("/token/refresh", response={200: TokensOut, **REFUSALS}, summary="Get the next tokens")
@sensitive_variables("body")
def refresh(request: HttpRequest, body: Refresh) -> TokensOut:
    """Each refresh token works once. One that comes twice ends all tokens of its sign-in."""
    _count(request)
    return _out(operations.refresh_tokens(refresh=body.refresh_token, now=clock.now()))


@router.post("/token/revoke", response={204: None, 400: Refusal, 429: Refusal}, summary="End the tokens")
@sensitive_variables("body")
def revoke(request: HttpRequest, body: Refresh) -> Status[None]:
    """End all tokens of a sign-in. What is not known is as good as ended."""
    _count(request)
    operations.revoke_tokens(refresh=body.refresh_token, now=clock.now())
    return Status(204, None)


def _count(request: HttpRequest) -> None:
    """Nobody is known here yet: only the address counts."""
    caller = f"token:{http.client_address(request)}"
    limits.count(caller, limit=settings.API_RATE_TOKEN, now=clock.now())


def _out(made: Tokens) -> TokensOut:
    seconds = int(tokens.LIFE.total_seconds())
    return TokensOut(access_token=made.access, token_type=BEARER, expires_in=seconds, refresh_token=made.refresh)
