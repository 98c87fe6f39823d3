"""
Everything that can be refused without a one-time code, so that no code is spent on a refusal.

The operations check it all again: what is found here may have changed a moment later.
"""

from datetime import datetime

from trading.lib.operations import operation
from users import acts, policies
from users.errors import AboutYourself, AlreadyOpen, StaleDigest, about
from users.models import ApprovalRequest, User
from users.operations import approvals, rules
from users.operations.approvals import Proposal
from users.operations.scopes import require_served

Status = ApprovalRequest.Status


def require_proposable(*, proposal: Proposal, actor: User) -> None:
    """
    Refuse what `propose` would refuse, and do nothing. A key that was used before passes: it will replay.

    :raises DeskError: as `propose` does.
    """
    if ApprovalRequest.objects.filter(requested_by=actor, idempotency_key=proposal.key).exists():
        return
    act = acts.act_of(proposal.act)
    policies.require_meaningful(proposal.reason)
    policy = rules.current_policy(act.name)
    rules.require_proposer(actor, policy)
    party = rules.subject_counterparty(act, proposal.subject_ref)
    require_served(actor, party)
    rules.require_nominee(act, proposal.nominee)
    subject = rules.subject_person(act, proposal.subject_ref)
    if subject is not None and subject.pk == actor.person_id:
        raise AboutYourself
    act.check(proposal.subject_ref, proposal.payload)
    rules.require_reachable(policy, proposal.nominee, actor=actor, subject=subject, counterparty_id=party)
    opened = ApprovalRequest.objects.filter(
        act=act.name, subject_ref=proposal.subject_ref, status__in=ApprovalRequest.OPEN
    ).first()
    if opened is not None:
        raise AlreadyOpen(ref=opened.ref)


def require_decidable(*, request_ref: str, digest: bytes, actor: User, now: datetime) -> None:
    """
    Refuse what `decide` would refuse whatever the reason and the proof. What is past or changed is closed by this.

    :raises NoSuchRequest: there is none.
    :raises AlreadyDecided: it is over, or the actor's person has decided already.
    :raises RequestExpired: its time was over.
    :raises Superseded: what it is about has changed since.
    :raises StaleDigest: the approver saw something else.
    :raises OwnProposal: the actor's person proposed it.
    :raises AboutYourself: it is about the actor's person.
    :raises MayNotDecide: no role for it, or the role came later than the request.
    """
    request = _closed_if_over(request_ref=request_ref, actor=actor, now=now)
    rules.require_pending(request)
    if bytes(request.digest) != digest:
        raise StaleDigest(**about(request))
    rules.require_unsaid(request, actor)


@operation
def _closed_if_over(*, request_ref: str, actor: User, now: datetime) -> ApprovalRequest:
    request = approvals.locked(request_ref)
    rules.require_decider(request, actor)
    if request.status == Status.PENDING:
        approvals.close_if_over(request, now=now)
    return request
