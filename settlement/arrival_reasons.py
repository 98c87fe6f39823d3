"""Why USDT that came to a wallet is not on a client's balance: the codes that deposits keep, and their words. Pure."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

UNKNOWN_SENDER, SENDER_OF_SEVERAL, SENDER_OF_LP = "unknown_sender", "sender_of_several", "sender_of_lp"
BELOW_MINIMUM, OWN_WALLET, OF_LP, REORGANISED = "below_minimum", "own_wallet", "lp_payment", "reorganised"
OWN_FUNDS, UNDONE, BACK = "own_funds", "undone", "back_again"
WORDS: dict[str, str | Promise] = {
    UNKNOWN_SENDER: _("It came from an address that no client has registered."),
    SENDER_OF_SEVERAL: _("More than one client or LP has registered the address it came from."),
    SENDER_OF_LP: _("An LP has registered the address it came from."),
    BELOW_MINIMUM: _("It is less than the smallest deposit that is credited by itself."),
    OWN_WALLET: _("It came from a wallet of the desk."),
    OF_LP: _("It is booked as what an LP paid."),
    REORGANISED: _("Its block is no longer on the chain. Nothing was credited."),
    OWN_FUNDS: _("It is the firm's own money."),
    UNDONE: _("It was final and booked, and no node has it any more."),
    BACK: _("Its chain undid it and has it again."),
}


def words(code: str) -> str:
    """Say it in a sentence; a code nobody knows as it is."""
    return str(WORDS.get(code, code))
