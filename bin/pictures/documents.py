"""The pictures in docs/screenshots: one trade played in the chat page, then a look around the console as olga."""

from pathlib import Path

from browser import PHONE, ROOT, WIDE, Window, settle, sign_in
from playwright.sync_api import Page, expect

FOLDER = ROOT / "docs" / "screenshots"
ROW = "tbody tr a[href]"
# Name, address, and which link on it leads to the page that is shown.
PAGES = (
    ("dashboard", "/", ""),
    ("rfqs", "/rfqs/", ""),
    ("settlements", "/settlements/?state=settled", ""),
    ("handbook-rfq", "/rfqs/?state=filled", ROW),
    ("handbook-settlement", "/settlements/?state=awaiting_approval", ROW),
    ("handbook-deposits", "/deposits/", ""),
    ("handbook-withdrawal", "/withdrawals/", ROW),
    ("handbook-wallets", "/wallets/", ""),
    ("handbook-alerts", "/alerts/?state=over", ""),
    ("handbook-dispute", "/disputes/?tab=mine", ROW),
    ("handbook-counterparty", "/counterparties/", ROW),
    ("handbook-market", "/market/", ""),
    ("handbook-flags", "/flags/", ""),
    ("handbook-audit", "/audit/", ""),
)


def take(new_page: Window, settings: dict[str, str]) -> None:
    """Take them all."""
    console = settings["DESK_URL"]
    chat = settings["SANDBOX_TELEGRAM_URL"].replace("127.0.0.1", "localhost")
    FOLDER.mkdir(parents=True, exist_ok=True)
    page = new_page(WIDE)
    trade(page, chat)
    shoot(page, "chat")
    telegram(new_page, chat)
    password = settings["SANDBOX_PASSWORD"]
    desk(new_page(WIDE), console, password)
    approver = new_page(WIDE)
    sign_in(approver, console, password, "bella")
    look(approver, console, "handbook-approval", "/approvals/", ROW)


def desk(page: Page, console: str, password: str) -> None:
    """The console's pages as olga sees them: from the sign-in on, in light, one on a phone in dark."""
    page.goto(f"{console}/sign-in/")
    shoot(page, "handbook-sign-in")
    sign_in(page, console, password)
    for name, path, row in PAGES:
        look(page, console, name, path, row)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    page.goto(f"{console}/settlements/?state=settled")
    shoot(page, "settlements-phone-dark")


def look(page: Page, console: str, name: str, path: str, row: str) -> None:
    """A page, or the one that its first such link leads to."""
    page.goto(console + path)
    if row:
        page.goto(console + str(page.locator(f"main {row}").first.get_attribute("href")))
    shoot(page, name)


def trade(page: Page, chat: str) -> None:
    """Ask, accept, confirm, wait for the receipt."""
    page.goto(f"{chat}/?user=7001")
    receipts = page.get_by_text("Receipt", exact=True)
    earlier = receipts.count()
    page.get_by_role("textbox").first.fill("/rfq buy 10000 EUR")
    page.get_by_role("textbox").first.press("Enter")
    page.get_by_role("button", name="Accept").last.click(timeout=30_000)
    page.get_by_role("button", name="Confirm").last.click(timeout=30_000)
    expect(receipts).to_have_count(earlier + 1, timeout=30_000)
    expect(page.locator(".toast")).to_have_count(0, timeout=15_000)


def telegram(new_page: Window, chat: str) -> None:
    """Navid trades in Persian beside the chats of two LPs: the steps, the last look, the receipt; then a phone."""
    page = new_page(WIDE)
    page.goto(f"{chat}/?user=7002&also=7101&also=7103")
    navid = page.locator("#chat7002")

    def press(words: str) -> None:
        exact = words in {"USDT/EUR", "EUR"}  # the one is a part of the other
        newest = navid.locator("li.theirs").last  # what an earlier run left unanswered stays unanswered
        newest.get_by_role("button", name=words, exact=exact).click(timeout=30_000)

    def write(words: str) -> None:
        navid.locator(".say input[name=text]").fill(words)
        navid.locator(".say input[name=text]").press("Enter")

    receipts = navid.get_by_role("button", name="رسید (PDF)")
    earlier = receipts.count()
    said = navid.locator("li.theirs").count()
    write("/rfq")
    expect(navid.locator("li.theirs")).to_have_count(said + 1, timeout=30_000)
    for words in ("خرید تتر", "USDT/EUR", "EUR"):
        press(words)
    page.wait_for_timeout(2_000)
    write("۱۰٬۰۰۰٫۵")
    press("موجودی")
    press("درخواست قیمت")
    navid.get_by_role("button", name="پذیرش").last.click(timeout=30_000)
    expect(navid.get_by_role("button", name="تأیید: خرید").last).to_be_visible(timeout=30_000)
    shoot(page, "telegram-confirm")
    navid.get_by_role("button", name="تأیید: خرید").last.click(timeout=30_000)
    expect(receipts).to_have_count(earlier + 1, timeout=60_000)
    receipts.last.click()
    expect(navid.locator(".file").last).to_be_visible(timeout=30_000)
    shoot(page, "telegram-receipt")
    page = new_page(PHONE)
    page.emulate_media(color_scheme="dark")
    page.goto(f"{chat}/?user=7002&also=7101")
    shoot(page, "telegram-phone-dark")


def shoot(page: Page, name: str) -> None:
    """Keep what the page shows."""
    settle(page)
    path = Path(FOLDER / f"{name}.png")
    page.screenshot(path=path)
    print(path.relative_to(ROOT))
