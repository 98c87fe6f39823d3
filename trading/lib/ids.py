"""References people can read aloud: a prefix and letters and digits that are not mistaken for another."""

import secrets

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 8


def new_ref(prefix: str) -> str:
    """`new_ref("RFQ")` -> ``RFQ-7KQ2M4TX``: random, 40 bits; a unique key is behind every use."""
    return f"{prefix}-" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
