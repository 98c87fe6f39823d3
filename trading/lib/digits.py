"""The digits of words: a language's own, or Latin ones for readers who want them. Amounts and refs have Latin ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.utils.translation import get_language

OF_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_own: ContextVar[bool] = ContextVar("own_digits", default=True)


@contextmanager
def digits(*, own: bool) -> Iterator[None]:
    """Everything written inside is for a reader who wants the language's own digits, or Latin ones."""
    token = _own.set(own)
    try:
        yield
    finally:
        _own.reset(token)


def localised(text: str) -> str:
    """Give words the digits of the active language, unless the reader wants Latin ones."""
    is_persian = (get_language() or "").startswith("fa")
    return text.translate(OF_PERSIAN) if is_persian and _own.get() else text
