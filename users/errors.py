"""Refusals around people and their devices."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Forbidden, Invalid, NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from users.models import ApprovalRequest


def about(request: "ApprovalRequest", at: "datetime | None" = None) -> dict[str, str]:
    """Which request a refusal is about, whose it is, and when it was proposed (or another instant)."""
    return {
        "ref": request.ref,
        "who": request.requested_by.username,
        "at": f"{at or request.created_at:%Y-%m-%d %H:%M:%S} UTC",
    }


class NotAuthenticated(Forbidden):
    """Nobody knows who asks: HTTP 401."""

    code = "not_authenticated"


class WrongCode(Invalid):
    """The one-time code is not the present one."""

    code = "wrong_code"
    text = _("This code is not right. Check the clock of your phone and type the code it shows now.")


class ReusedCode(Invalid):
    """The one-time code was accepted before."""

    code = "reused_code"
    text = _("This code was already used. Wait for the next one (up to 30 s).")


class TooManyCodes(Forbidden):
    """Too many wrong codes in a row."""

    code = "too_many_codes"
    text = _("Too many wrong codes. Wait {seconds} s, then try again.")


class NoDevice(NotFound):
    """The user has no confirmed device of this kind."""

    code = "no_device"
    text = _("You have no authenticator app yet. Set one up first.")


class PasskeyNeeded(Forbidden):
    """A role of the user needs a passkey here; a one-time code does not do."""

    code = "passkey_needed"
    text = _("Your role takes a passkey here. Use one of yours, or add one in your profile.")


class WrongRecoveryCode(Invalid):
    """No unused recovery code matches."""

    code = "wrong_recovery_code"
    text = _("This recovery code is not right, or was used before. Each works once.")


class AlreadyEnrolled(Conflict):
    """The user has a confirmed authenticator app."""

    code = "already_enrolled"
    text = _("You already have an authenticator app. Sign in with its code.")


class NotLinked(Forbidden):
    """Nobody at the desk has this Telegram account."""

    code = "not_linked"
    text = _("This Telegram account is not linked to the desk. Ask your contact at the desk for a link.")


class NotActive(Forbidden):
    """The user is pending, rejected or suspended."""

    code = "not_active"
    text = _("Your access is not active. Please contact the desk.")


class NeedsTwo(Conflict):
    """What was asked takes two people."""

    code = "needs_two"
    text = _("This takes two people: propose it ({act}) and let somebody else decide.")


class NotHeld(NotFound):
    """The user does not hold the role."""

    code = "role_not_held"
    text = _("{username} does not hold the role {role}.")


class MayNotPropose(Forbidden):
    """No role of the actor may propose the act."""

    code = "may_not_propose"
    text = _("Your roles do not let you propose {act}.")


class MayNotDecide(Forbidden):
    """Not an active person with the approving role since before the request."""

    code = "may_not_decide"
    text = _("This needs an active approver who held the role when it was proposed.")


class NobodyNamed(Invalid):
    """The act is about a user, and no second approver is named."""

    code = "nobody_named"
    text = _("Secondary approver: name who is asked to decide.")


class OwnProposal(Forbidden):
    """The deciding person is the proposing one, whatever the login."""

    code = "own_proposal"
    text = _("You proposed this. A different person has to decide.")


class AboutYourself(Forbidden):
    """The act is about the actor's own person."""

    code = "about_yourself"
    text = _("This is about you. Other people have to propose and decide it.")


class NoSuchRequest(NotFound):
    """There is no approval request with that reference."""

    code = "no_such_request"
    text = _("There is no approval request {ref}.")


class AlreadyOpen(Conflict):
    """The same act on the same target waits for a decision."""

    code = "already_open"
    text = _("{ref} proposes the same and waits for a decision. Decide or withdraw it first.")


class KeyReused(Conflict):
    """The proposer used this key for another proposal."""

    code = "key_reused"
    text = _("{ref} was proposed with this key, and says something else. Take a new key for a new proposal.")


class AlreadyDecided(Conflict):
    """The request is over."""

    code = "already_decided"
    text = _("{ref} is over: {status}, by {who} at {at}. Nothing was recorded now.")


class RequestExpired(Conflict):
    """The request's time was over."""

    code = "request_expired"
    text = _("{ref}, proposed by {who}, expired at {at}. Nothing was decided; propose it again.")


class Superseded(Conflict):
    """What the request is about has changed since it was proposed."""

    code = "superseded"
    text = _(
        "What {ref}, proposed by {who} at {at}, is about has changed since. "
        "Nothing was decided; look at it and propose it again."
    )


class StaleDigest(Conflict):
    """The approver saw something else than what is to be decided."""

    code = "stale_digest"
    text = _("{ref}, proposed by {who} at {at}, is not what you were shown. Look at it again before you decide.")


class NotWithdrawable(Forbidden):
    """Only the proposer withdraws."""

    code = "not_your_proposal"
    text = _("Only the person who proposed this can withdraw it.")


class QuorumUnreachable(Conflict):
    """Too few people could decide."""

    code = "quorum_unreachable"
    text = _("This needs {quorum} deciding people and there are not that many. Ask an administrator.")


class SomebodyIsActive(Conflict):
    """The desk has its first people."""

    code = "already_bootstrapped"
    text = _("The desk has active people already: everyone else is let in by two of them.")


class NotAPair(Invalid):
    """The first two must be two persons, both waiting."""

    code = "not_a_pair"
    text = _("Name two pending logins of two different persons.")


class StaleProof(Forbidden):
    """The step-up is old, was used, or was made for something else."""

    code = "stale_proof"
    text = _("Type a fresh one-time code: the last one was too long ago, or for something else.")


class ProposerGone(Conflict):
    """The proposer is no longer active or no longer holds a role that may propose the act."""

    code = "proposer_gone"
    text = _("Whoever proposed {ref} may not propose it any more. Decline it; somebody else can propose it again.")


class ApprovalsLost(Conflict):
    """An approval no longer counts: its approver lost the role, or is no longer active."""

    code = "approvals_lost"
    text = _("An approval of {ref} no longer counts, because its approver may not decide any more. Propose it again.")


class PolicyChanged(Conflict):
    """The act's policy became another one at this very moment."""

    code = "policy_changed"
    text = _("How {act} is decided has changed at this moment. Look at it and propose it again.")
