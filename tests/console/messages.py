"""Which words the console says: read from its templates and modules, as gettext would."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
CALL = re.compile(
    r"""\b(n?gettext)\(\s*u?(?P<one>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""(?:\s*,\s*u?(?P<many>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))?"""
)
MODULES = (
    "users/*.py",
    "users/forms/*.py",
    "users/views/*.py",
    "settlement/*.py",
    "settlement/forms/*.py",
    "settlement/models/*.py",
    "settlement/operations/*.py",
    "settlement/own_acts/*.py",
    "settlement/views/*.py",
    "users/models/*.py",
    "rfq/dispute_errors.py",
    "rfq/operations/exporting.py",
    "rfq/references.py",
    "rfq/errors.py",
    "rfq/hours.py",
    "rfq/operations/*.py",
    "rfq/own_acts/*.py",
    "rfq/forms/*.py",
    "rfq/views/*.py",
    "rfq/models/*.py",
    "settlement/views/*.py",
    "settlement/models/*.py",
    "trading/views.py",
    "trading/first_steps.py",
    "users/queries/*.py",
    "rfq/queries/*.py",
    "alerting/*.py",
    "alerting/forms/*.py",
    "alerting/models/*.py",
    "alerting/monitors/*.py",
    "alerting/own_acts/*.py",
    "alerting/views/*.py",
    "trading/lib/*.py",
    "trading/templatetags/*.py",
)
BOT = {"bot.py", "callbacks.py", "chat.py", "numbers.py"}  # what Telegram says has its own test
MARKERS = {"_", "lazy", "gettext", "gettext_lazy", "ngettext"}


def of_templates() -> Iterator[tuple[str, str]]:
    """Yield each message of the console's templates and where it stands."""
    for path in sorted((ROOT / "templates").rglob("*.html")):
        where = path.relative_to(ROOT).as_posix()
        if where.startswith("templates/telegram/"):
            continue
        for call in CALL.finditer(templatize(path.read_text())):
            yield ast.literal_eval(call["one"]), where


def of_modules() -> Iterator[tuple[str, str]]:
    """Yield each message of the modules whose words the console shows."""
    for pattern in MODULES:
        for path in sorted(ROOT.glob(pattern)):
            if path.name in BOT:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if _is_marked(node):
                    yield ast.literal_eval(node.args[0]), path.relative_to(ROOT).as_posix()  # type: ignore[attr-defined]


def _is_marked(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in MARKERS
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
    )
