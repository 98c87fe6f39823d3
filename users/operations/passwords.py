"""The way back to a password: collecting a reset's code once, and setting a new password with it, once."""

import hashlib
import secrets
from datetime import datetime
from hmac import compare_digest

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Forbidden, NotFound
from trading.lib.operations import operation
from users import audit
from users.models import PasswordReset, User

SECRET_BYTES = 24


class NotYourReset(Forbidden):
    """Only who proposed a reset collects its code."""

    code = "not_your_reset"
    text = _("Only {who}, who proposed this reset, can collect its code.")


class CodeNotCollectable(Conflict):
    """The code was collected before, is too late, or a newer reset took its place."""

    code = "code_not_collectable"
    text = _("The code of {ref} cannot be collected any more. It is shown once; propose another reset if it is lost.")


class WrongResetCode(Forbidden):
    """No reset has this code, or it was used, is too late, or a newer one took its place."""

    code = "wrong_reset_code"
    text = _("This code is not right, was used before, or is too old. Ask the desk for another one.")


@operation
def collect_reset(*, reset_ref: str, actor: User, now: datetime) -> str:
    """
    Make a reset's code and give it in clear, once.

    :raises NotFound: there is no such reset.
    :raises NotYourReset: somebody else proposed it.
    :raises CodeNotCollectable: collected before, too late, or replaced.
    """
    reset = _locked(reset_ref)
    if reset is None:
        raise NotFound
    proposer = reset.request.requested_by
    if proposer.pk != actor.pk or actor.status != User.Status.ACTIVE:
        raise NotYourReset(who=proposer.username)
    if reset.state(at=now) != PasswordReset.State.UNCOLLECTED or _is_replaced(reset):
        raise CodeNotCollectable(ref=reset.ref)
    secret = secrets.token_hex(SECRET_BYTES)
    PasswordReset.objects.filter(pk=reset.pk).update(secret_hash=_hash(secret), collected_at=now)
    change = audit.Change(after={"reset": reset.ref})
    audit.record("password.reset_collected", actor=actor, subject=reset.user, at=now, change=change)
    return f"{reset.ref}-{secret}"


@operation
def set_new_password(*, code: str, password: str, now: datetime) -> User:
    """
    Set a new password with a reset's code, which is used up. The second factor is asked for at the sign-in as ever.

    :raises WrongResetCode: no reset has it, or it counts no more.
    :raises django.core.exceptions.ValidationError: the password is too weak; the code can be used again.
    """
    ref, _dash, secret = code.strip().rpartition("-")
    reset = _locked(ref)
    if reset is None or not compare_digest(bytes(reset.secret_hash or b""), _hash(secret)):
        raise WrongResetCode
    user = reset.user
    is_open = reset.state(at=now) == PasswordReset.State.COLLECTED and user.status == User.Status.ACTIVE
    if not is_open or _is_replaced(reset):
        raise WrongResetCode
    validate_password(password, user)
    PasswordReset.objects.filter(pk=reset.pk).update(used_at=now)
    User.objects.filter(pk=user.pk).update(password=make_password(password), updated_at=now)
    change = audit.Change(after={"reset": reset.ref})
    audit.record("password.set", actor=user, subject=user, at=now, change=change)
    return user


def _locked(ref: str) -> PasswordReset | None:
    rows = PasswordReset.objects.select_related("user", "request__requested_by")
    return rows.select_for_update(of=("self",)).filter(ref=ref).first()


def _is_replaced(reset: PasswordReset) -> bool:
    return PasswordReset.objects.filter(user=reset.user, pk__gt=reset.pk).exists()


def _hash(secret: str) -> bytes:
    """192 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
