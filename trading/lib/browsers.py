"""What a browser calls itself, in two words: enough to know one's own again, too little to follow anybody."""

import re

# The more particular names first: every browser also claims to be those it descends from.
BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* (?:Mobile/\S+ )?Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("macOS", "Mac OS X"),
    ("ChromeOS", "CrOS"),
    ("Linux", "Linux"),
)


def short_name(user_agent: str) -> str:
    """``Firefox 143, Windows``; nothing when it says neither."""
    names = (f"{name} {found[1]}" for name, form in BROWSERS if (found := re.search(form, user_agent)))
    systems = (name for name, word in SYSTEMS if word in user_agent)
    return ", ".join(part for part in (next(names, ""), next(systems, "")) if part)
