"""What was paid, and by what: reads about transactions and banks' references."""

from dataclasses import dataclass

from django.db import connection

from settlement.models import BookedReference, ManualPayment, Settlement, TransferAttempt

BANK = "bank"
IN, OUT = BookedReference.Way.IN, BookedReference.Way.OUT


@dataclass(frozen=True, slots=True)
class Paid:
    """
    What paid a settlement: its chain and transaction, or `bank` and the bank's reference; nothing when nothing left.

    `account` is the number of the bank account it went to.
    """

    chain: str = ""
    reference: str = ""
    account: str = ""


def used_for(reference: str) -> str:
    """
    Say what a transaction's id or a bank's reference has paid: a ref; "" when nothing.

    Nobody else uses it until this transaction ends. One round trip.
    """
    with connection.cursor() as cursor:
        cursor.execute("select settlement_reference_used(%s)", [reference])
        return str(cursor.fetchone()[0] or "")


def booked_as(reference: str, way: str) -> str:
    """
    Say what a payment in this direction is booked as, or what it settled by hand in any: a ref; "" when nothing.

    Nobody else uses it until this transaction ends. One round trip.
    """
    with connection.cursor() as cursor:
        cursor.execute("select settlement_booking_of(%s, %s)", [reference, way])
        return str(cursor.fetchone()[0] or "")


def of(settlement: Settlement) -> Paid:
    """Say what paid a settlement. Two queries at most."""
    by_hand = ManualPayment.objects.filter(settlement=settlement)
    found = by_hand.values_list("check_made__wallet__chain", "reference", "account__number").first()
    if found is not None:
        chain, reference, account = found
        return Paid(chain or BANK, reference, account or "")
    attempts = TransferAttempt.objects.filter(
        transfer__settlement=settlement, status=TransferAttempt.Status.MINED
    ).order_by("-pk")
    mined = attempts.values_list("transfer__wallet__chain", "tx_hash").first()
    return Paid(*mined) if mined else Paid()
