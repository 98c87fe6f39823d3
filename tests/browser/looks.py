"""How pages are looked at: bright and dark, on a desk and on a phone, by people who read English or Persian."""

from itertools import product
from typing import Any

import pytest

from tests import tiers

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": PHONE,
    "dark phone": {**PHONE, "color_scheme": "dark"},
}


def in_looks(english: str, persian: str, names: str = "who, look") -> pytest.MarkDecorator:
    """Try the test with both readers in every look; in the gate with one of them in two that differ in everything."""
    whole = list(product((english, persian), LOOKS))
    return pytest.mark.parametrize(names, tiers.sampled(whole, (english, "dark phone"), (persian, "light")))
