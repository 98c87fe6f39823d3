"""Why a wallet is paused: the desk's own reasons, and their words. A person's reason is in their own words."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

NONCE_MOVED, NODE_REFUSED, DEEP_REORG, DEPOSIT_UNDONE, DIFFERENCE, RESTORED, UNKNOWN = (
    "nonce_moved",
    "node_refused",
    "deep_reorg",
    "deposit_undone",
    "difference",
    "restored",
    "unknown",
)
WORDS: Mapping[str, Promise] = {
    NONCE_MOVED: _("The chain has more transactions of this wallet than the desk has signed."),
    NODE_REFUSED: _("Another transaction used the nonce of a payment that the desk had signed."),
    DEEP_REORG: _("The chain undid a payment that was final."),
    DEPOSIT_UNDONE: _("The chain undid a deposit that was final."),
    DIFFERENCE: _("The chain and the books do not agree about this wallet."),
    RESTORED: _("The database came back from a backup: what was paid since then is not known here."),
    UNKNOWN: _("The reason was not written down."),
}


def words_of(reason: str) -> str:
    """Say it for people: the words of a reason of the desk's own, or what the person wrote."""
    return str(WORDS.get(reason, reason))
