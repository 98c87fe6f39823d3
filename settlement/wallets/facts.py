"""What a look at a wallet finds, for people: `manage.py wallet_check`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at. `fault` says what is wrong with it, "" for nothing."""

    name: str
    value: str
    fault: str = ""
