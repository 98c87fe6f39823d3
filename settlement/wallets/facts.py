"""What a look at a wallet finds, for people: `manage.py wallet_check`."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from settlement.models import Entry, Wallet


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at. `fault` says what is wrong with it, "" for nothing."""

    name: str
    value: str
    fault: str = ""


def coins_in_books(wallet: Wallet, held: int, of_one: int) -> Fact:
    """The chain's coins that the wallet has, beside the books: smallest units, of which one coin has `of_one`."""
    entries = Entry.objects.filter(account__code=f"coins:{wallet.name}", layer=Entry.Layer.POSTED)
    booked = entries.aggregate(total=Sum("amount"))["total"]
    if booked is None:
        return Fact("coins", "none in the books yet: they begin with the first fee that is paid")
    difference = Decimal(held - int(booked)) / of_one
    words = f"{Decimal(int(booked)) / of_one:.6f} in the books"
    return Fact("coins", words, f"{difference:f} more on chain" if difference else "")
