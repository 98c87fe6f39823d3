"""Who signs: what a chain says about its wallets before a transaction begins, and the signing in it. For jobs alone."""

import logging
from collections.abc import Iterable

from django.db.models import Sum

from settlement import operations
from settlement.models import Transfer, Wallet
from settlement.operations import signing
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import NOT_CONFIGURED, UNREACHABLE, Look, Payment, Signed, Unreachable
from trading.lib import clock

log = logging.getLogger(__name__)
NONCE_MOVED, NOT_LOOKED_AT = "nonce_moved", "not_looked_at"


def payment_of(transfer: Transfer) -> Payment:
    """What a transfer is to pay."""
    return Payment(transfer.to_address, int(transfer.amount_minor), transfer.nonce)


class Hand:
    """
    Signs for the wallets of some chains as they looked before the transaction began: no network any more.

    :param promised_minor: what others were let go on for that is not signed yet.
    """

    def __init__(
        self, chains: Iterable[str], *, to_address: str = "", amount_minor: int = 0, promised_minor: int = 0
    ) -> None:
        self._looks = {
            wallet.pk: _look(wallet, to_address=to_address, amount_minor=amount_minor, promised_minor=promised_minor)
            for wallet in Wallet.objects.filter(chain__in=set(chains), paused_at=None)
        }

    @property
    def is_empty(self) -> bool:
        """Whether no wallet it looked at would be let pay."""
        return all(look.obstacle for look in self._looks.values())

    def hindrance(self, wallet: Wallet) -> str:
        """What the chain objected to; "" when it did not."""
        look = self._looks.get(wallet.pk)
        return look.obstacle if look else NOT_LOOKED_AT

    def sign(self, wallet: Wallet, transfer: Transfer) -> Signed:
        """Sign on the terms that were seen."""
        return port_of(wallet).sign(payment_of(transfer), self._looks[wallet.pk].terms)


def _look(wallet: Wallet, *, to_address: str, amount_minor: int, promised_minor: int) -> Look:
    """Ask the chain about a wallet; one whose nonce moved without us is paused at once."""
    if signing.is_busy(wallet):
        return Look(signing.WALLET_BUSY)  # nobody needs to be asked
    try:
        port = port_of(wallet)
        used = port.nonce()
        wallet.refresh_from_db(fields=["next_nonce"])  # after the chain: what it has was committed before
        if used > wallet.next_nonce:
            operations.pause_wallet(wallet_id=wallet.pk, reason=NONCE_MOVED, now=clock.now())
            return Look(NONCE_MOVED)
        reserved = _reserved(wallet) + promised_minor
        return port.look(to_address=to_address, amount_minor=amount_minor, reserved_minor=reserved)
    except Unreachable as error:
        log.warning("wallet %s: %s", wallet.name, error)
        return Look(UNREACHABLE)
    except NoPort:
        return Look(NOT_CONFIGURED)


def _reserved(wallet: Wallet) -> int:
    """What signed payments will take from the wallet that the chain may not show yet."""
    on_their_way = Transfer.objects.filter(
        wallet=wallet, status__in=[Transfer.Status.SIGNED, Transfer.Status.BROADCAST]
    )
    return int(on_their_way.aggregate(total=Sum("amount_minor"))["total"] or 0)
