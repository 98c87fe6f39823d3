"""
The menu of commands in each chat. The bot registers what it offers here; this app never imports it.

As with cards, what a menu shows is decided when it is delivered, so that it is never an old one.
"""

from collections.abc import Callable, Sequence

from django.utils import translation

from users.errors import NotActive, NotLinked
from users.models import User
from users.queries import user_of_telegram

type Offer = Callable[[User], Sequence[tuple[str, str]]]

_offers: list[Offer] = []


def register(offer: Offer) -> None:
    """Let this function say which commands a linked person has, as (command, words). A second call replaces it."""
    _offers[:] = [offer]


def prepare(chat_id: int) -> Sequence[tuple[str, str]]:
    """
    Give the commands of whom this chat speaks for, in their language; none for strangers and those who may not act.

    :raises LookupError: the composition root registered no offer.
    """
    if not _offers:
        raise LookupError("No menu is registered: trading.apps does that at start.")
    try:
        user = user_of_telegram(chat_id)
    except (NotLinked, NotActive):
        return []
    with translation.override(user.language):
        return _offers[0](user)
