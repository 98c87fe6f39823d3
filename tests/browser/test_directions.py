"""Right to left: sentences with numbers read in their order, and numbers line up at their decimal points."""

from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from settlement import operations, tasks
from settlement.models import Deposit
from settlement.wallets import simulated
from tests import factories, tiers
from tests.browser.conftest import Opener, sign_in
from tests.console import scene
from tests.settlement.conftest import MovingClock
from trading.lib import clock
from users.models import User

# Where each of these pieces of an element's text stands: its middle, in px from the left.
MIDDLES = """(element, pieces) => {
    const whole = element.textContent;
    let from = 0;
    return pieces.map((piece) => {
        const at = whole.indexOf(piece, from);
        if (at < 0) throw new Error(`no ${piece} in ${whole}`);
        from = at + piece.length;
        const box = rangeOf(element, at, from).getBoundingClientRect();
        return box.left + box.width / 2;
    });
    function rangeOf(root, start, end) {
        const range = document.createRange();
        const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        let passed = 0;
        for (let node = walk.nextNode(); node; node = walk.nextNode()) {
            const length = node.length;
            if (start >= passed && start < passed + length) range.setStart(node, start - passed);
            if (end > passed && end <= passed + length) range.setEnd(node, end - passed);
            passed += length;
        }
        return range;
    }
}"""
# The decimal points (or ends) of the numbers of one unit in each column of a table: how far they are apart, in px.
SPREADS = """() => [...document.querySelectorAll("table.t")].flatMap((table) => {
    const columns = new Map();
    for (const cell of table.querySelectorAll("tbody td.r")) {
        const number = cell.querySelector(".num");
        if (!number || !cell.checkVisibility()) continue;
        const fraction = number.querySelector(".dec");
        const box = (fraction || number).getBoundingClientRect();
        const at = fraction ? box.left : box.right;
        const beside = cell.textContent.replace(number.textContent, "");
        const unit = `${cell.cellIndex} ${fraction?.textContent.length} ${beside}`;
        columns.set(unit, [...(columns.get(unit) || []), at]);
    }
    return [...columns.values()].filter((found) => found.length > 1)
        .map((found) => Math.max(...found) - Math.min(...found));
})"""


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    """The clock of what this process does: the simulated chain has a block each second of it."""
    moving = MovingClock(clock.now)
    monkeypatch.setattr(clock, "now", moving)
    return moving


def reading_order(element: Locator, *pieces: str) -> list[str]:
    """The pieces as somebody finds them who reads from the right."""
    middles = element.evaluate(MIDDLES, list(pieces))
    return [piece for _at, piece in sorted(zip(middles, pieces, strict=True), reverse=True)]


def deposit_under_way(time: MovingClock) -> Deposit:
    time.stand_still()
    market = factories.market(usdt="0")
    tasks.watch(timestamp=0)
    time.advance(1)
    operations.begin_watch(wallet_id=market.wallet.pk, height=0, now=clock.now())
    sender = market.address.address
    simulated.send(sender=sender, to_address=market.wallet.address, amount_minor=5_000_000, now=clock.now())
    time.advance(2)
    tasks.watch(timestamp=0)
    return Deposit.objects.get(status="seen")


def test_two_of_three_confirmations_read_in_their_order(
    opened: Opener, server: str, amir: User, time: MovingClock
) -> None:
    deposit = deposit_under_way(time)
    page = sign_in(opened(), amir, server)
    page.goto(f"/money/{deposit.ref}/")
    said = page.locator("dd", has_text="تأیید").first

    text = said.inner_text()
    seen, of, needed, confirmed = text.split()

    assert [seen, needed] in (["2", "3"], ["۲", "۳"])
    assert (of, confirmed) == ("از", "تأیید")
    assert reading_order(said, seen, of, needed, confirmed) == [seen, of, needed, confirmed]


def test_state_and_confirmations_of_a_payment_read_in_their_order(opened: Opener, server: str, amir: User) -> None:
    scene.build(8)
    page = sign_in(opened(), amir, server)
    page.goto("/settlements/")
    said = page.locator(".s", has_text="تأیید شبکه").first

    words, _, count = said.inner_text().partition(" · ")
    number, _, unit = count.partition(" ")

    assert number in {"3", "۳"}
    assert reading_order(said, words, number, unit) == [words, number, unit]


def spreads(page: Page, path: str) -> list[float]:
    page.goto(path)
    found: list[float] = page.evaluate(SPREADS)
    return found


@pytest.mark.parametrize(("who", "width"), tiers.sampled(list(product(("olga", "amir"), (1440, 390))), ("amir", 1440)))
def test_numbers_of_a_column_line_up_in_every_room(
    opened: Opener, server: str, request: pytest.FixtureRequest, who: str, width: int
) -> None:
    user: User = request.getfixturevalue(who)
    built = scene.build(8)
    scene.rates()
    filled: Any = next(rfq for rfq in built.rfqs if rfq.status == "filled")
    page = sign_in(opened(viewport={"width": width, "height": 900}), user, server)
    rooms = ["/", "/rfqs/", "/settlements/", "/rates/", "/exposure/", "/ledger/", f"/rfqs/{filled.ref}/"]

    found = {room: spreads(page, room) for room in rooms}

    assert {room: apart for room, apart in found.items() if any(one > 1 for one in apart)} == {}
    assert sum(len(apart) for apart in found.values()) >= (8 if width == 1440 else 3)
