"""Why the market refuses. Every code has a sentence the client or LP can act on."""

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class UnknownPair(NotFound):
    """No such pair, or it is not traded now."""

    code = "unknown_pair"
    text = _("{pair} is not traded here. The desk trades USDT against: {pairs}.")


class NotAClient(Forbidden):
    """The actor does not trade for a client."""

    code = "not_a_client"
    text = _("Only a client's trader may ask for a price.")


class NotAnLp(Forbidden):
    """The actor does not quote for an LP."""

    code = "not_an_lp"
    text = _("Only a liquidity provider's dealer may quote.")


class NoTerms(Forbidden):
    """The client has no terms on this pair."""

    code = "no_terms"
    text = _("You are not set up to trade {pair}. Please contact the desk.")


class Frozen(Conflict):
    """The counterparty may not trade at present."""

    code = "frozen"
    text = _("Trading is frozen for {counterparty}. Please contact the desk.")


class DeskPaused(Conflict):
    """The whole desk does not trade at present."""

    code = "desk_paused"
    text = _("Trading is paused on the whole desk. Nothing was traded. Try again later or contact the desk.")


class PairPaused(Conflict):
    """The pair is not traded at present."""

    code = "pair_paused"
    text = _("Trading in {pair} is paused. Nothing was traded. Try again later or contact the desk.")


class OutsideHours(Conflict):
    """It is not within the counterparty's trading hours."""

    code = "outside_hours"
    text = _("You trade within your agreed hours only. They begin again at {opens}.")


class LpPaused(Conflict):
    """The LP does not quote at present."""

    code = "lp_paused"
    text = _("Quoting is paused for {lp}. End the pause if it is your own, or contact the desk.")


class LpCap(Conflict):
    """The trade would take what the LP has not settled above its cap."""

    code = "lp_cap"
    text = _("This quote cannot be traded in that size now. Nothing was traded. Take another quote or ask again.")


class BadSide(Invalid):
    """Neither buy nor sell."""

    code = "bad_side"
    text = _("The side is buy or sell, not {side}.")


class BadAmount(Invalid):
    """Not a positive amount with as many decimals as its currency has."""

    code = "bad_amount"
    text = _("{amount} is not an amount of {unit} (at most {scale} decimals, more than zero).")


class BelowMinimum(Invalid):
    """The trade is smaller than the client's minimum."""

    code = "below_minimum"
    text = _("The smallest trade is {minimum} USDT.")


class AboveMaximum(Invalid):
    """The trade is larger than the client's maximum."""

    code = "above_maximum"
    text = _("The largest trade is {maximum} USDT. Ask for less, or contact the desk.")


class DailyLimit(Conflict):
    """The day's notional (UTC) would be exceeded."""

    code = "daily_limit"
    text = _("This would exceed your limit of {limit} USDT a day; {left} USDT are left today (UTC).")


class BadPrice(Invalid):
    """Not a positive price on the pair's tick."""

    code = "bad_price"
    text = _("{price} is not a price of {pair} (more than zero, steps of {tick}).")


class BadLifetime(Invalid):
    """A quote lives 10 to 60 seconds."""

    code = "bad_lifetime"
    text = _("A quote lives {minimum} to {maximum} seconds.")


class NoSuchRfq(NotFound):
    """No RFQ with that reference, or it is not the actor's."""

    code = "no_such_rfq"
    text = _("There is no RFQ {ref} for you.")


class NoSuchQuote(NotFound):
    """No quote with that reference, or it is not the actor's."""

    code = "no_such_quote"
    text = _("There is no such quote for you.")


class NotTheirTrader(Invalid):
    """The person on the phone is no active login of the party in question."""

    code = "not_their_trader"
    text = _("{username} cannot trade for anybody at present. Name an active login of the party that called.")


class NoHeartbeat(Invalid):
    """A heartbeat promises the next one within 5 to 300 seconds."""

    code = "bad_heartbeat"
    text = _("A heartbeat promises the next one within {minimum} to {maximum} seconds.")


class NoAddress(Conflict):
    """The destination is not an approved address of the client."""

    code = "no_address"
    text = _("This is not one of your approved addresses. Ask the desk to approve it first.")


class RfqConflict(Conflict):
    """The same client RFQ id came with another request."""

    code = "client_rfq_id_conflict"
    text = _("This request id was used for another RFQ. Use a new one.")


class KeyReused(Conflict):
    """The same idempotency key came with another quote or another price."""

    code = "key_reused"
    text = _("This key was used for something else. Nothing was done now; use a new key.")


class RfqOver(Conflict):
    """The RFQ is filled, cancelled or expired."""

    code = "rfq_over"
    text = _("{ref} is over. Ask for a new price.")


class RfqExpired(RfqOver):
    """The RFQ's time is over."""

    code = "rfq_expired"
    text = _("{ref} has expired. Ask for a new price.")


class AlreadyFilled(Conflict):
    """Another accept of the same RFQ was faster."""

    code = "already_filled"
    text = _("{ref} was already traded. Nothing was traded twice.")


class QuoteExpired(Conflict):
    """The quote's time was over when it was accepted."""

    code = "quote_expired"
    text = _("This quote has expired. Nothing was traded. Wait for a new one or ask again.")


class QuoteUnconfirmed(Conflict):
    """The desk took the quote down from a phone call, and its LP has not confirmed it yet."""

    code = "quote_unconfirmed"
    text = _("The liquidity provider has not confirmed this price yet. Nothing was traded. Try again in a moment.")


class QuoteGone(Conflict):
    """The quote was pulled or replaced."""

    code = "quote_gone"
    text = _("This quote is no longer there. Nothing was traded. Look at the best one now.")


class NoReference(Unavailable):
    """There is no reference rate of the pair one may rely on at present."""

    code = "no_reference"
    text = _("{pair} cannot be traded right now: {why}. Nothing was done; try again in a moment.")


class PriceBand(Conflict):
    """The price is too far from the reference."""

    code = "price_band"
    text = _("{price} is too far from the market. A price of {pair} is now between {low} and {high}.")
