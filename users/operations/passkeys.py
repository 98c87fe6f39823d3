"""
Passkeys: adding one, proving with one, renaming, removing.

Every proof answers a challenge that the desk keeps: for one user and one purpose, once, within five minutes, with
the person verified by their device (fingerprint, face, PIN). A passkey never takes the place of the password.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp_webauthn.helpers import WebAuthnHelper
from webauthn import verify_authentication_response
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from trading.lib.errors import Conflict, DeskError, Forbidden, Invalid, NotFound
from trading.lib.operations import operation
from users import audit
from users.errors import NoDevice, PasskeyNeeded
from users.models import Passkey, PasskeyChallenge, StepUp, TotpDevice, User
from users.models.passkeys import CHALLENGE_LIVES
from users.operations import devices
from users.queries import passkeys as queries

log = logging.getLogger(__name__)

SIGN_IN, REGISTER = "sign-in", "register"


class PasskeyRefused(Invalid):
    """The answer is not that of a passkey of this user to this challenge, or the person was not verified."""

    code = "passkey_refused"
    text = _("This passkey does not pass. Try again, and let your device check that it is you.")


class ChallengeGone(Invalid):
    """The challenge was answered before, is too old, or was made for something else."""

    code = "challenge_gone"
    text = _("This took too long, was used already, or what you entered has changed since. Use the passkey again.")


class PasskeyCopied(Forbidden):
    """The counter of the passkey went back: two devices have the same key."""

    code = "passkey_copied"
    text = _("This passkey seems to be copied: its counter went back. It is recorded. Tell the desk's security.")


class NoPasskey(NotFound):
    """The user has no such passkey."""

    code = "no_passkey"
    text = _("There is no such passkey.")


class LastPasskey(Conflict):
    """A role of the user needs a passkey, and this is the only one."""

    code = "last_passkey"
    text = _("Your role needs a passkey and this is your only one. Add another first.")


class _Helper(WebAuthnHelper):  # type: ignore[misc]  # django-otp-webauthn has no types
    """The package's ceremony, with the person verified always, and the passkey under a name."""

    def __init__(self, name: str = "") -> None:
        super().__init__(request=None)
        self.name = name

    def get_generate_registration_options_kwargs(self, *, user: User) -> dict[str, Any]:
        """Require verification: the package prefers it only."""
        options: dict[str, Any] = super().get_generate_registration_options_kwargs(user=user)
        options["authenticator_selection"] = AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        )
        return options

    def create_credential(self, *args: Any, **kwargs: Any) -> Passkey:
        """Give it its name."""
        passkey: Passkey = super().create_credential(*args, **kwargs)
        passkey.name = self.name
        return passkey


def scope_of_decision(digest: bytes) -> str:
    """The purpose of a proof for one decision."""
    return f"decide:{digest.hex()}"


@operation
def begin_proof(*, user: User, scope: str, now: datetime) -> dict[str, Any]:
    """
    A challenge for one of the user's passkeys, as browsers take it.

    :param scope: what the proof is for; the same words are given when it is checked.
    :raises NoPasskey: the user has none.
    """
    if not queries.has_any(user):
        raise NoPasskey
    options, _state = _Helper().authenticate_begin(user=user, require_user_verification=True)
    return _kept(options, user=user, scope=scope, now=now)


def prove(*, user: User, scope: str, answer: str, now: datetime) -> Passkey:
    """
    Check a passkey's answer to the challenge of this purpose. The challenge is used up, whatever comes of it.

    :raises ChallengeGone: it was answered before, is too old, or was made for something else.
    :raises PasskeyRefused: it is not one of this user's, its signature is wrong, or the person was not verified.
    :raises PasskeyCopied: its counter went back.
    """
    try:
        return _proved(user=user, scope=scope, answer=answer, now=now)
    except DeskError as error:
        log.warning("passkey refused", extra={"login": user.ref, "refusal": error.code})
        raise


def _proved(*, user: User, scope: str, answer: str, now: datetime) -> Passkey:
    data, challenge = _read(answer)
    _spend(user=user, scope=scope, challenge=challenge, now=now)
    with _refusing():
        credential = parse_authentication_credential_json(data)
        hashed = hashlib.sha256(credential.raw_id).hexdigest()
        passkey: Passkey | None = Passkey.objects.filter(user=user, confirmed=True, credential_id_sha256=hashed).first()
        if passkey is None:
            raise PasskeyRefused
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=settings.OTP_WEBAUTHN_RP_ID,
            expected_origin=settings.OTP_WEBAUTHN_ALLOWED_ORIGINS,
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=0,  # compared below, by the database
            require_user_verification=True,
        )
    if not _note_use(passkey=passkey, verified=verified, user=user, now=now):
        raise PasskeyCopied
    return passkey


def prove_afresh(*, user: User, scope: str, token: str, answer: str, now: datetime) -> Device:
    """
    Either of the two: a passkey's answer for this purpose, or a one-time code, which may not do.

    :raises PasskeyNeeded: a role of theirs takes a passkey, they have one, and gave a code; it is not spent.
    :raises DeskError: as `prove` or `verify_otp` does.
    """
    if answer:
        return prove(user=user, scope=scope, answer=answer, now=now)
    if queries.takes_no_code(user):
        raise PasskeyNeeded
    return devices.verify_otp(user=user, token=token, now=now)


def step_up_by_passkey(*, user: User, answer: str, digest: bytes, now: datetime) -> StepUp:
    """
    Prove afresh who one is, for one decision on this digest, with a passkey.

    :raises DeskError: as `prove` does.
    """
    prove(user=user, scope=scope_of_decision(digest), answer=answer, now=now)
    return devices.record_step_up(user=user, method=StepUp.Method.PASSKEY, digest=digest, now=now)


def begin_passkey(
    *, user: User, scope: str, token: str, answer: str, now: datetime, recovered: bool = False
) -> dict[str, Any]:
    """
    What a browser needs to make a passkey, for somebody who has just proved who they are.

    :param recovered: they signed in with a recovery code, having lost their passkey: then a one-time code does.
    :raises DeskError: the proof does not pass (`prove_afresh`).
    """
    if recovered and not answer:
        devices.verify_otp(user=user, token=token, now=now)
    else:
        prove_afresh(user=user, scope=scope, token=token, answer=answer, now=now)
    return _begin_passkey(user=user, now=now)


@operation
def _begin_passkey(*, user: User, now: datetime) -> dict[str, Any]:
    options, _state = _Helper().register_begin(user)
    return _kept(options, user=user, scope=REGISTER, now=now)


def add_passkey(*, user: User, answer: str, name: str, now: datetime) -> Passkey:
    """
    Keep the passkey that a browser has made.

    :raises ChallengeGone: this took too long, or was done already.
    :raises PasskeyRefused: it is not sound, or the person was not verified.
    :raises NoDevice: the user's second factors were reset meanwhile.
    """
    data, challenge = _read(answer)
    _spend(user=user, scope=REGISTER, challenge=challenge, now=now)
    with _refusing():
        return _add(user=user, data=data, challenge=challenge, name=name, now=now)


@operation
def _add(*, user: User, data: dict[str, Any], challenge: str, name: str, now: datetime) -> Passkey:
    User.objects.select_for_update().get(pk=user.pk)
    if not TotpDevice.objects.filter(user=user, confirmed=True).exists():
        raise NoDevice
    state = {"challenge": challenge, "require_user_verification": True}
    passkey: Passkey = _Helper(name).register_complete(user, state, data)
    change = audit.Change(after=_told(passkey))
    audit.record("passkey.added", actor=user, subject=user, at=now, change=change)
    return passkey


@operation
def rename_passkey(*, actor: User, pk: int, name: str, now: datetime) -> Passkey:
    """
    Call one of the actor's passkeys something else.

    :raises NoPasskey: they have no such one.
    """
    passkey = _own(actor, pk)
    before = passkey.name
    if before != name:
        passkey.name = name
        passkey.save(update_fields=["name"])
        change = audit.Change(before={"passkey": before}, after={"passkey": name})
        audit.record("passkey.renamed", actor=actor, subject=actor, at=now, change=change)
    return passkey


def remove_passkey(*, actor: User, pk: int, scope: str, token: str, answer: str, now: datetime) -> Device:
    """
    Take one of the actor's passkeys away, after a fresh proof; the answer is what they proved it with.

    Nothing else ends. Their authenticator app stays: only two people take that away (`device.reset`).

    :raises NoPasskey: they have no such one.
    :raises LastPasskey: a role of theirs needs a passkey, and this is the only one.
    :raises DeskError: the proof does not pass (`prove_afresh`).
    """
    _require_removable(actor, pk)
    device = prove_afresh(user=actor, scope=scope, token=token, answer=answer, now=now)
    _remove(actor=actor, pk=pk, now=now)
    return device


@operation
def _remove(*, actor: User, pk: int, now: datetime) -> None:
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    passkey = _require_removable(actor, pk)
    audit.record("passkey.removed", actor=actor, subject=actor, at=now, change=audit.Change(before=_told(passkey)))
    passkey.delete()


def _require_removable(actor: User, pk: int) -> Passkey:
    passkey = _own(actor, pk)
    if queries.is_bound(actor) and not Passkey.objects.filter(user=actor, confirmed=True).exclude(pk=pk).exists():
        raise LastPasskey
    return passkey


def _own(actor: User, pk: int) -> Passkey:
    passkey: Passkey | None = Passkey.objects.filter(user=actor, pk=pk).first()
    if passkey is None:
        raise NoPasskey
    return passkey


def _told(passkey: Passkey) -> dict[str, object]:
    return {"passkey": passkey.name, "credential": passkey.credential_id_sha256[:16]}


def _kept(options: dict[str, Any], *, user: User, scope: str, now: datetime) -> dict[str, Any]:
    """Keep the challenge of these options; a newer one takes the place of an older of the same purpose."""
    PasskeyChallenge.objects.filter(user=user, expires_at__lte=now).delete()
    PasskeyChallenge.objects.update_or_create(
        user=user, scope=scope, defaults={"challenge": options["challenge"], "expires_at": now + CHALLENGE_LIVES}
    )
    return options


@operation
def _spend(*, user: User, scope: str, challenge: str, now: datetime) -> None:
    """Use the challenge up. Of two at the same moment one finds it."""
    rows = PasskeyChallenge.objects.filter(user=user, scope=scope, challenge=challenge, expires_at__gt=now)
    if rows.delete()[0] != 1:
        raise ChallengeGone


@operation
def _note_use(*, passkey: Passkey, verified: VerifiedAuthentication, user: User, now: datetime) -> bool:
    """Move the counter on; where it would go back, that is recorded, and the answer is no."""
    count, rows = verified.new_sign_count, Passkey.objects.filter(pk=passkey.pk)
    rows = rows.filter(sign_count__lt=count) if count else rows.filter(sign_count=0)
    if rows.update(sign_count=count, backup_state=verified.credential_backed_up, last_used_at=now) == 1:
        return True
    change = audit.Change(after={**_told(passkey), "counter": count})
    audit.record("passkey.counter_went_back", actor=user, subject=user, at=now, change=change)
    return False


def _read(answer: str) -> tuple[dict[str, Any], str]:
    """The browser's answer, and the challenge it says it answers."""
    with _refusing():
        data = json.loads(answer)
        said = json.loads(base64url_to_bytes(data["response"]["clientDataJSON"]))
        return data, bytes_to_base64url(base64url_to_bytes(said["challenge"]))


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever is wrong with an answer is one refusal: who sent it knows why, or need not."""
    try:
        yield
    except (WebAuthnException, IntegrityError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PasskeyRefused from error
