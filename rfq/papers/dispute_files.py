"""Files of disputes, back to the party that sent them."""

from rfq.queries import disputes
from trading.lib.documents import Paper, Wanted
from trading.lib.errors import NotFound
from users import capabilities
from users.models import User

KIND = "dispute.file"
OWN = "dispute.own"


def wanted(dispute_ref: str, number: int) -> Wanted:
    """Name a file of a dispute, for whoever of its party reads it."""
    return Wanted(KIND, dispute_ref, {"number": str(number)})


def make(reader_id: int, asked: Wanted) -> Paper:
    """
    Give a reader a file of their party's dispute, as it came. Two queries.

    :raises MissingCapability: the reader may not see the party's disputes (any more).
    :raises NotFound: there is none, or it is somebody else's.
    """
    reader = User.objects.get(pk=reader_id)
    capabilities.require(reader, OWN)
    found = disputes.own_attachments(reader).filter(dispute__ref=asked.ref, pk=int(asked.options["number"])).first()
    if found is None:
        raise NotFound(ref=asked.ref)
    return Paper(found.name, found.media_type, bytes(found.content))
