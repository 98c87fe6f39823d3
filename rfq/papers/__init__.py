"""The papers the desk hands out about trades: statements of account, receipts."""

from collections.abc import Callable
from functools import partial

from rfq.papers import dispute_files, receipts, statements
from trading.lib import documents
from trading.lib.documents import Paper, Wanted
from trading.lib.errors import NotFound
from users import capabilities
from users.models import Counterparty, User

OWN = "settlement.own"


def register() -> None:
    """Let the outbox make them."""
    documents.register(receipts.KIND, receipts.make)
    documents.register(dispute_files.KIND, dispute_files.make)
    documents.register(statements.KIND, partial(_for_party, statements.make))


def party_of(user: User) -> Counterparty:
    """
    Whose papers a user may have.

    :raises MissingCapability: the user may not read its party's settlements (any more).
    :raises NotFound: it belongs to none.
    """
    capabilities.require(user, OWN)
    if user.counterparty is None:
        raise NotFound
    return user.counterparty


def _for_party(make: Callable[[User, Counterparty, Wanted], Paper], reader_id: int, asked: Wanted) -> Paper:
    reader = User.objects.select_related("counterparty").get(pk=reader_id)
    return make(reader, party_of(reader), asked)
