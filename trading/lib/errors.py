"""Refusals. Each has a kind (its base class), a code for machines and a sentence for people."""

import logging
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

log = logging.getLogger("desk.refusals")


class DeskError(Exception):
    """
    Base of every refusal the desk makes on purpose.

    `code` never changes once published. `text` may name the keyword arguments the error was
    raised with: `QuoteExpired(ref="QTE-1")` and ``"Quote {ref} has expired."``.
    """

    code: ClassVar[str] = "error"
    text: ClassVar[str | Promise] = _("The desk could not do this.")

    def __init__(self, **facts: object) -> None:
        super().__init__(self.code)
        self.facts = facts
        self.is_logged = False

    def write_down(self, by: str) -> None:
        """Log who refused and why, once however often it is passed on. No facts: some are names and amounts."""
        if not self.is_logged:
            self.is_logged = True
            log.info("%s refused: %s", by, self.code)

    @property
    def sentence(self) -> str:
        """What happened and what to do, in the active language."""
        return str(self.text).format(**self.facts)

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code}({facts})"


class Invalid(DeskError):
    """The input cannot be understood or breaks a rule: HTTP 400 or 422."""

    code = "invalid"


class Forbidden(DeskError):
    """The actor may not do this: HTTP 403."""

    code = "forbidden"
    text = _("You may not do this.")


class NotFound(DeskError):
    """There is no such object, or not for this actor: HTTP 404."""

    code = "not_found"
    text = _("There is no such thing, or it is not yours to see.")


class Conflict(DeskError):
    """The object's state does not allow it any more: HTTP 409."""

    code = "conflict"


class Unavailable(DeskError):
    """Something the desk depends on does not answer; trying again later may help: HTTP 503."""

    code = "unavailable"
    text = _("This is not available at the moment. Try again in a minute.")
