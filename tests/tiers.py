"""
Two tiers of proof: the gate takes a fixed sample, the long run (`make test-long`) all of it.

The long run has more of the same tests, none that the gate does not know: what it finds can be shown in the gate.
"""

import os
from collections.abc import Sequence
from typing import Any

IS_LONG = os.environ.get("TEST_TIER") == "long"


def sampled(whole: Sequence[Any], *sample: Any) -> list[Any]:
    """Of a matrix: the fixed sample in the gate, all of it in the long run."""
    assert set(sample) <= set(whole), "a sample is a part of the whole"
    return list(whole if IS_LONG else sample)


def examples(gate: int, long: int) -> int:
    """How many examples a random test tries."""
    return long if IS_LONG else gate
