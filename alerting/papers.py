"""Documents of the outbox: made from what the row names, at the moment of their delivery."""

import html

from django.utils import translation

from alerting.models import OutboundMessage
from trading.lib import documents
from trading.lib.documents import Paper, Wanted
from trading.lib.errors import DeskError, Unavailable


def prepare(message: OutboundMessage) -> Paper | str:
    """
    Make the paper a message is about in its reader's language; or the sentence (HTML) that says why there is none.

    :raises Unavailable: not now; another try may help.
    """
    user = message.user
    if user is None:
        raise ValueError(f"{message} has no reader: a paper is always somebody's.")
    with translation.override(user.language):
        try:
            return documents.make(user.pk, Wanted.restored(message.payload))
        except Unavailable:
            raise
        except DeskError as error:
            return html.escape(error.sentence, quote=False)
