"""How far USDT that was seen on its chain is from being final: what clients and the desk are told meanwhile."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from settlement import chains
from settlement.models import ArrivalWatch, Deposit, PayoutAddress
from users.models import Counterparty

SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Confirming:
    """Blocks on top of it, its own included, and how many make it final; 0: its chain says itself when it is."""

    seen: int
    needed: int

    def __str__(self) -> str:
        if self.needed:
            return _("%(seen)s of %(needed)s confirmations") % {"seen": self.seen, "needed": self.needed}
        return _("%(seen)s confirmations, not final yet") % {"seen": self.seen}


def of(deposit: Deposit) -> Confirming | None:
    """Say how far it is; nothing when it is not under way on a chain. Needs its wallet and that one's watch loaded."""
    wallet = deposit.wallet
    watch = getattr(wallet, "watch", None) if wallet else None
    if wallet is None or deposit.block_number is None or not isinstance(watch, ArrivalWatch):
        return None
    if deposit.status != Deposit.Status.SEEN:
        return None
    needed = needed_on(wallet.chain)
    seen = max(watch.head - deposit.block_number + 1, 1)
    return Confirming(min(seen, needed) if needed else seen, needed)


def needed_on(chain: str) -> int:
    """How many confirmations make a transaction of a chain final; 0 where the chain says it itself."""
    if chain == SIMULATED:
        return chains.SIMULATED_FINAL_AFTER
    found = chains.configured().get(chain)
    return found.confirmations if found else 0


def seen_for(party: Counterparty) -> Q:
    """What is under way from an address of this party alone, and will be its once it is final: a filter of deposits."""
    addresses = PayoutAddress.objects.filter(
        chain=OuterRef("wallet__chain"), address=OuterRef("sender"), approved_at__isnull=False, revoked_at=None
    )
    return Q(
        Exists(addresses.filter(counterparty=party)),
        ~Exists(addresses.exclude(counterparty=party)),
        status=Deposit.Status.SEEN,
    )
