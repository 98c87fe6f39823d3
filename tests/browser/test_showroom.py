"""Every component in every state, bright and dark, read by people who read English or Persian: no barrier at all."""

import pytest

from tests.browser.conftest import Opener, sign_in
from tests.browser.looks import LOOKS, in_looks
from tests.browser.watch import Watcher
from users.models import User


@in_looks("olga", "amir")
def test_every_component_is_sound_in_every_look(
    opened: Opener, server: str, request: pytest.FixtureRequest, look: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    page = sign_in(opened(**LOOKS[look]), user, server)
    watch = Watcher(page)
    page.goto("/components/")
    watch.check()
