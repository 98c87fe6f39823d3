"""How somebody works the console: by the keys alone, or with a mouse where no script runs."""

from typing import Protocol

from playwright.sync_api import Locator, Page, expect

MOST_STOPS = 150
# Asked of the element one wants to come to: whether one is there, and what the stop before lacked of a ring.
STEP = """(wanted) => {
    const ring = (one) => {
        const style = getComputedStyle(one);
        const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        return [outlined ? style.outline : "", style.boxShadow === "none" ? "" : style.boxShadow].join("|");
    };
    const now = document.activeElement;
    const left = window.leftStop;
    let lacking = "";
    if (left && left.one !== now && !left.one.matches("body, main")) {
        if (left.ring === "|") lacking = "no ring";
        else if (left.ring === ring(left.one)) lacking = "the same ring without focus";
        if (lacking) lacking += `: ${left.one.outerHTML.slice(0, 120)}`;
    }
    window.leftStop = { one: now, ring: ring(now) };
    return [wanted === now, lacking];
}"""


class Hands(Protocol):
    """What journeys ask for. Fields are named by their label, everything else by its role and name."""

    page: Page

    def write(self, label: str, text: str) -> None:
        """Write into a field, in place of what stands there."""

    def choose(self, label: str, option: str) -> None:
        """Choose of a list, by what the reader sees."""

    def tick(self, label: str) -> None:
        """Tick a box."""

    def press(self, name: str) -> None:
        """Press a button."""

    def follow(self, name: str) -> None:
        """Follow a link."""


class Mouse:
    """A mouse, and fields that are clicked into."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def write(self, label: str, text: str) -> None:
        """Write into a field."""
        self.page.get_by_label(label).fill(text)

    def choose(self, label: str, option: str) -> None:
        """Choose of a list."""
        self.page.get_by_label(label, exact=True).select_option(label=option)

    def tick(self, label: str) -> None:
        """Tick a box."""
        self.page.get_by_label(label).check()

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def follow(self, name: str) -> None:
        """Follow a link."""
        self.page.get_by_role("link", name=name).first.click()


class Keys:
    """Tab, Enter, Space, arrows and letters. Every stop on the way has to show that it is one."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def write(self, label: str, text: str) -> None:
        """Go to the field and write over what is in it."""
        self._go_to(self.page.get_by_label(label))
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        """Go to the list and press the arrow until the option stands there."""
        field = self.page.get_by_label(label, exact=True)
        self._go_to(field)
        options = field.locator("option").all_inner_texts()
        for _step in range(options.index(option)):
            self.page.keyboard.press("ArrowDown")
        assert field.evaluate("(list) => list.selectedOptions[0].text.trim()") == option

    def tick(self, label: str) -> None:
        """Go to the box and press Space."""
        box = self.page.get_by_label(label)
        self._go_to(box)
        self.page.keyboard.press("Space")
        expect(box).to_be_checked()

    def press(self, name: str) -> None:
        """Go to the button and press Enter."""
        self._go_to(self.page.get_by_role("button", name=name, exact=True).first)
        self.page.keyboard.press("Enter")

    def follow(self, name: str) -> None:
        """Go to the link and press Enter."""
        self._go_to(self.page.get_by_role("link", name=name).first)
        self.page.keyboard.press("Enter")

    def _go_to(self, wanted: Locator) -> None:
        """Tab until it has the focus, from wherever one is. The ring of each stop has to come and go with the focus."""
        expect(wanted).to_be_visible()
        element = wanted.element_handle()
        for _stop in range(MOST_STOPS):
            is_there, lacking = element.evaluate(STEP)
            assert not lacking, lacking
            if is_there:
                return
            self.page.keyboard.press("Tab")
        message = f"no way to {wanted} by Tab"
        raise AssertionError(message)
