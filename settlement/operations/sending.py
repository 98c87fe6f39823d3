"""Permitting that signed bytes are sent, and recording what nodes said. The calls to the chain are the jobs'."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Exists, Model, OuterRef

from settlement import autosettle
from settlement.models import LpPayment, Settlement, Transfer, TransferAttempt, Withdrawal
from trading.lib import jobs
from trading.lib.jobs import Later
from trading.lib.operations import operation
from users import audit

LONGEST_ANSWER = 300
SENT_AT_ONCE = 50
ASK_AGAIN_SECONDS, LONGEST_PAUSE_SECONDS, LOST_SECONDS = 1, 15, 5
SEND_AGAIN_AFTER = timedelta(seconds=30)
LOST_AFTER = timedelta(seconds=LOST_SECONDS)  # since the permission: who sent it does not hear of it any more
HALT_SECONDS = 15
SEND_WITHIN = timedelta(seconds=10)  # of the permission; later it is asked for again
Status = Transfer.Status
SENDABLE = frozenset({Status.SIGNED, Status.BROADCAST})
FOLLOWED = frozenset({Status.SIGNED, Status.BROADCAST, Status.MINED})
OWNERS: Sequence[tuple[str, type[Model]]] = (
    ("settlement_id", Settlement),
    ("withdrawal_id", Withdrawal),
    ("lp_payment_id", LpPayment),
)


class Permission(StrEnum):
    """Whether signed bytes may be sent: yes; not while transfers are halted; nothing is to be sent any more."""

    GIVEN = "given"
    HALTED = "halted"
    OVER = "over"


def locked(transfer_id: int) -> Transfer:
    """Take a transfer after what it pays, with all that following it needs. Assumes a transaction."""
    _lock_owners([Transfer.objects.get(pk=transfer_id)])
    related = (
        "settlement__client",
        "settlement__lp",
        "settlement__quote_asset",
        "withdrawal__client",
        "withdrawal__asset",
        "lp_payment__lp",
        "lp_payment__asset",
        "wallet__account",
    )
    return Transfer.objects.select_related(*related).select_for_update(of=("self",)).get(pk=transfer_id)


def _lock_owners(transfers: Collection[Transfer], *, skip_locked: bool = False) -> set[tuple[str, int]]:
    """Take what they pay, in one order; by column and id what was taken."""
    taken: set[tuple[str, int]] = set()
    for column, kind in OWNERS:
        if wanted := [pk for one in transfers if (pk := getattr(one, column)) is not None]:
            rows = kind._default_manager.filter(pk__in=wanted).order_by("pk")
            free = rows.select_for_update(of=("self",), skip_locked=skip_locked).values_list("pk", flat=True)
            taken |= {(column, pk) for pk in free}
    return taken


@operation
def permit_sending(*, wallet_id: int, now: datetime) -> list[int]:
    """
    Permit the next of what a wallet signed and nobody was let send: the transfers, in the order of their nonces.

    As `permit_broadcast` does, all at once; with the permission goes the job that asks the chain what became of them.
    What somebody else holds right now, and what is more than one round takes, is left for the next.
    """
    let = TransferAttempt.objects.filter(transfer=OuterRef("pk")).exclude(sending_since=None, out_since=None)
    waiting = Transfer.objects.filter(~Exists(let), wallet_id=wallet_id, status=Status.SIGNED).order_by("nonce")
    found = list(waiting[: SENT_AT_ONCE + 1])
    free = _free(found[:SENT_AT_ONCE])
    if not found:
        return []
    if autosettle.read().is_halted:
        send_signed(wallet_id, later=Later(seconds=HALT_SECONDS))
        return []
    if len(free) < len(found):
        send_signed(wallet_id, later=None if free else Later(seconds=ASK_AGAIN_SECONDS))
    TransferAttempt.objects.filter(transfer__in=free).update(sending_since=now)
    ask_again(wallet_id)
    return free


def _free(found: Sequence[Transfer]) -> list[int]:
    """Those of them that nobody holds, with what they pay, locked."""
    taken = _lock_owners(found, skip_locked=True)
    wanted = [one.pk for one in found if any((column, getattr(one, column)) in taken for column, _kind in OWNERS)]
    rows = Transfer.objects.filter(pk__in=wanted, status=Status.SIGNED).order_by("pk")
    free = set(rows.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True))
    return [pk for pk in wanted if pk in free]


@operation
def permit_broadcast(*, transfer_id: int, now: datetime) -> Permission:
    """
    Say whether the signed bytes may be sent; if so, write down that they are on their way (`sending_since`).

    Asked under the gate's lock, which a halt takes exclusively: after a halt has committed nothing is permitted, and
    what was permitted before is known to it by name. The bytes go out afterwards, under no lock, within `SEND_WITHIN`.
    While transfers are halted it is asked again later; what is over or in review is left alone.
    """
    transfer = locked(transfer_id)
    if transfer.status not in SENDABLE:
        return Permission.OVER
    if autosettle.read().is_halted:
        send_again(transfer, later=Later(seconds=HALT_SECONDS))
        ask_again(transfer.wallet_id)  # an older attempt of it may be out
        return Permission.HALTED
    newest = transfer.attempts.latest("number")
    TransferAttempt.objects.filter(pk=newest.pk).update(sending_since=now)
    ask_again(transfer.wallet_id)
    return Permission.GIVEN


@operation
def broadcast_later(*, transfer_id: int, seconds: float = LOST_SECONDS) -> None:
    """Give a permission back that was not used in time, and ask for another."""
    transfer = locked(transfer_id)
    answered(transfer.attempts.latest("number"))
    send_again(transfer, later=Later(seconds=seconds))


def answered(attempt: TransferAttempt, **changes: object) -> None:
    """Nothing of it is on its way any more. Assumes its transfer locked."""
    TransferAttempt.objects.filter(pk=attempt.pk).update(sending_since=None, **changes)


@operation
def record_refused(*, transfer_id: int) -> None:
    """A node says that the nonce is used, and it is not proved by what: nothing is on its way, the chain is asked."""
    answered(locked(transfer_id).attempts.latest("number"))


@operation
def record_unknown(*, transfer_id: int, answer: str) -> None:
    """
    What became of sent bytes is not known, and they are perhaps on their way still: the chain is asked.

    Where it does not have them the *same bytes* are sent again; nothing new is ever signed because an answer was lost.

    :param answer: the outcome, and the node's words where it had any.
    """
    newest = locked(transfer_id).attempts.latest("number")
    TransferAttempt.objects.filter(pk=newest.pk).update(answer=answer[:LONGEST_ANSWER])


@operation
def record_broadcast(*, answers: Mapping[int, str], now: datetime) -> None:
    """
    Nodes took the bytes of these transfers, or had them: the chain is asked for their receipts next.

    :param answers: by transfer, the outcome, and the nodes' words where they had any.
    """
    rows = Transfer.objects.filter(pk__in=answers)
    _lock_owners(list(rows))
    transfers = list(rows.select_related("wallet").select_for_update(of=("self",)).order_by("pk"))
    attempts = {one.transfer_id: one for one in TransferAttempt.objects.filter(transfer__in=answers).order_by("number")}
    for transfer in transfers:
        newest = attempts[transfer.pk]
        out_since, answer = newest.out_since or now, answers[transfer.pk][:LONGEST_ANSWER]
        changes = {"out_since": out_since, "broadcast_at": now, "answer": answer}
        if newest.status == TransferAttempt.Status.SIGNED:
            newest.move(TransferAttempt.Status.BROADCAST, at=now, sending_since=None, **changes)
        else:
            answered(newest, **changes)
        if transfer.status == Status.SIGNED:
            transfer.move(Status.BROADCAST, at=now, reason="sent")
            audit.record("transfer.broadcast", actor=None, subject=transfer, at=now)


def is_due(attempt: TransferAttempt, *, now: datetime) -> bool:
    """Whether bytes that the chain does not show are to be sent again; what was never let out is not."""
    if attempt.broadcast_at is not None:
        return now - attempt.broadcast_at > SEND_AGAIN_AFTER
    return attempt.sending_since is not None and now - attempt.sending_since > LOST_AFTER


@operation
def track_later(*, wallet_id: int, now: datetime, is_lost: bool = False) -> None:
    """
    Ask the chain again while any payment of the wallet is on its way: soon for what is new, then less often.

    :param is_lost: no node answered.
    """
    on_their_way = Transfer.objects.filter(wallet_id=wallet_id, status__in=FOLLOWED)
    newest = on_their_way.order_by("-updated_at").values_list("updated_at", flat=True).first()
    if newest is not None:
        pause = min(max((now - newest).total_seconds() / 4, ASK_AGAIN_SECONDS), LONGEST_PAUSE_SECONDS)
        ask_again(wallet_id, seconds=max(pause, LOST_SECONDS) if is_lost else pause)


@operation
def wake_wallets(*, now: datetime) -> int:  # noqa: ARG001 - every operation is told the time
    """See that what is signed is sent, and what is sent is followed, whatever became of the jobs; how many wallets."""
    on_their_way = (
        Transfer.objects.filter(status__in=FOLLOWED).order_by("wallet_id").values_list("wallet_id", flat=True)
    )
    found = list(on_their_way.distinct())
    for wallet_id in found:
        send_signed(wallet_id)
        ask_again(wallet_id)
    return len(found)


def send_signed(wallet_id: int, *, later: Later | None = None) -> None:
    """Have sent what a wallet has signed, once for all of it. Assumes a transaction."""
    lock = f"settlement.send:{wallet_id}"
    jobs.defer("settlement.send", wallet_id=wallet_id, lock=lock, later=later, unless_waiting=True)


def send_again(transfer: Transfer, *, later: Later | None = None) -> None:
    """Have the newest bytes of one payment sent, whether they were before or not. Assumes a transaction."""
    lock = f"settlement.broadcast:{transfer.pk}"
    jobs.defer("settlement.broadcast", transfer_id=transfer.pk, lock=lock, later=later, unless_waiting=True)


def ask_again(wallet_id: int, *, seconds: float = ASK_AGAIN_SECONDS) -> None:
    """Have the chain asked about all that is on its way from a wallet. Assumes a transaction."""
    lock = f"settlement.track:{wallet_id}"
    later = Later(seconds=seconds)
    jobs.defer("settlement.track", wallet_id=wallet_id, lock=lock, later=later, unless_waiting=True)
