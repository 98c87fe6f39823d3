"""Proposing from any page: checked first, then the one-time code or passkey, then the proposal."""

import hashlib
import json
from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from trading.lib import clock
from trading.lib.errors import Conflict, DeskError, Forbidden, NotFound
from users import access, acts, context, operations
from users.errors import NoDevice, PasskeyNeeded, ReusedCode, TooManyCodes, WrongCode
from users.forms import CodeForm, ProposalForm
from users.models import ApprovalRequest, User
from users.operations import Proposal
from users.operations.passkeys import ChallengeGone, NoPasskey, PasskeyCopied, PasskeyRefused
from users.queries import approvals as queries

INVALID, CONFLICT, THROTTLED = 422, 409, 429
PASSKEY_REFUSALS = (PasskeyNeeded, NoPasskey, PasskeyRefused, ChallengeGone, PasskeyCopied)
PROOF = {"csrfmiddlewaretoken", "otp_token", "passkey", "passkey_for"}  # what proves, and is not proposed
CODE_REFUSALS = (WrongCode, ReusedCode, TooManyCodes, NoDevice, *PASSKEY_REFUSALS)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a form: the request it made, or the status to show the form with again."""

    request: ApprovalRequest | None
    status: int = 200


def refuse_code(form: CodeForm, error: DeskError) -> int:
    """Write what is wrong with the one-time code at its field, or with the passkey; the answer is the page's status."""
    if isinstance(error, PASSKEY_REFUSALS):
        form.add_error(None, error.sentence)
        return INVALID
    form.add_error("otp_token", _("One-time code: %(problem)s") % {"problem": error.sentence})
    return THROTTLED if isinstance(error, TooManyCodes) else INVALID


def scope_of(data: QueryDict, *, path: str) -> str:
    """
    Name the purpose of a passkey's proof for one proposal: a digest of the page it is sent to and all that is sent.

    The page names the act and what it is about. Line breaks count as one character, however a browser sends them.
    """
    typed = {name: [value.replace("\r\n", "\n") for value in data.getlist(name)] for name in data if name not in PROOF}
    digest = hashlib.sha256(json.dumps([path, typed], sort_keys=True).encode()).hexdigest()
    return f"propose:{digest}"


def candidates(act: str, subject_ref: str, actor: User) -> list[User]:
    """Who may be asked to decide the act, if this actor proposes it."""
    about = acts.act_of(act)
    return operations.eligible(
        operations.current_policy(act),
        proposer=actor,
        subject=operations.subject_person(about, subject_ref),
        counterparty_id=operations.subject_counterparty(about, subject_ref),
    )


def propose(form: ProposalForm, *, act: str, subject_ref: str, actor: User) -> Asked:
    """
    Propose what the form asks for. No code is spent on what would be refused anyway.

    :raises Forbidden: the actor may not propose it.
    """
    if not form.is_valid():
        return Asked(None, INVALID)
    cleaned = form.cleaned_data
    proposal = Proposal(act, subject_ref, cleaned["reason"], cleaned["key"], form.payload(), form.chosen)
    now = clock.now()
    try:
        operations.require_proposable(proposal=proposal, actor=actor)
        if not queries.is_known(actor, proposal.key):
            operations.prove_afresh(
                user=actor,
                scope=scope_of(cast("QueryDict", form.data), path=context.current().path),
                token=cleaned["otp_token"],
                answer=cleaned["passkey"],
                now=now,
            )
        return Asked(operations.propose(proposal=proposal, actor=actor, now=now))
    except CODE_REFUSALS as error:
        return Asked(None, refuse_code(form, error))
    except (Forbidden, NotFound):
        raise
    except DeskError as error:
        form.add_error(None, error.sentence)
        return Asked(None, CONFLICT if isinstance(error, Conflict) else INVALID)


def proposed(request: HttpRequest, asked: ApprovalRequest) -> HttpResponse:
    """Show the proposal, now that it exists."""
    access.renew_key(request)
    messages.success(
        request, _("%(ref)s is proposed. Nothing has changed yet: somebody else decides.") % {"ref": asked.ref}
    )
    return redirect("users:approval", asked.ref)
