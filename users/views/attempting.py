"""Doing what a form asks for, or showing the form again with what is in the way."""

from collections.abc import Callable

from trading.lib.errors import Conflict, Invalid, NotFound
from users.forms import ConsoleForm
from users.views.proposing import CONFLICT, INVALID

ASKED = 200


def attempt(form: ConsoleForm, act: Callable[[], object], *, field: str | None = None) -> int | None:
    """
    Do it when the form is sent and sound; nothing when it is done, else the status to show the form with.

    :param field: where a refusal of the operation is shown; above all fields when none is named.
    :raises Forbidden: the reader may not.
    """
    if not form.is_bound:
        return ASKED
    if not form.is_valid():
        return INVALID
    try:
        act()
    except (Conflict, Invalid, NotFound) as error:
        form.add_error(field, error.sentence)
        return INVALID if isinstance(error, Invalid) else CONFLICT
    return None
