"""What programs of clients and LPs are told, in an order they can follow."""

from functools import partial

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import BigIntegerField, Func, TextField
from django.db.models.functions import Cast

from rfq.models.trading import Rfq
from trading.lib.ids import new_ref
from users.models import Counterparty


def _number(function: str, *of: Func) -> Cast:
    """A transaction id (`xid8`) as a number: PostgreSQL casts it by way of text only."""
    return Cast(Cast(Func(*of, function=function), TextField()), BigIntegerField())


def this_transaction() -> Cast:
    """The id of the transaction that writes."""
    return _number("pg_current_xact_id")


def oldest_running() -> Cast:
    """The lowest id of a transaction that has not ended: all below have, and nothing more comes from them."""
    return _number("pg_snapshot_xmin", Func(function="pg_current_snapshot"))


class PartyEvent(models.Model):
    """
    One thing one party may know, in the party's feed: only what is in `data`, and nothing that tells of others.

    `transaction` is the one that wrote it. Readers get rows of transactions below the oldest running
    one, ordered by (transaction, id): a row that commits late is never behind a place somebody has
    read to. `ref` is that place: random, so it tells nothing of how much else goes on.
    """

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "EVT"))
    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=16)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    at = models.DateTimeField()
    written_at = models.DateTimeField()
    transaction = models.BigIntegerField(db_default=this_transaction())

    class Meta:
        indexes = [
            models.Index(fields=["counterparty", "transaction", "id"], name="party_event_place"),
            models.Index(fields=["subject", "kind"], name="party_event_subject"),
            models.Index(fields=["written_at"], name="party_event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class FeedMark(models.Model):
    """
    How far an RFQ's audit events are in the feeds, and what the client was told last.

    Whoever goes on locks it, so what is told of one RFQ is told in the order it happened, once.
    """

    rfq = models.OneToOneField(Rfq, on_delete=models.PROTECT, primary_key=True, related_name="+")
    event_id = models.BigIntegerField(default=0)
    best_quote = models.CharField(max_length=16, blank=True)
    settlement_status = models.CharField(max_length=20, blank=True)

    def __str__(self) -> str:
        return f"{self.rfq_id} up to {self.event_id}"


class RequestKey(models.Model):
    """An idempotency key a client's program has sent, and the digest of what it asked with it."""

    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64)
    digest = models.BinaryField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["counterparty", "key"], name="request_key_once")]

    def __str__(self) -> str:
        return self.key
