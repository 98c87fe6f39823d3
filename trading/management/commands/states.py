"""`manage.py states`: docs/states.md, drawn from the state machines' own tables (`make states` writes it)."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand

from trading.lib.states import StateMachine

HEAD = """\
# States

<!-- Written by `make states` from the code's own tables; a test compares. Do not edit: change the table. -->

Every state machine of the desk, as its `TRANSITIONS` say; triggers made of the same tables keep them in the database
([ADR 7](adr/0007-states.md)). A solid dot is a birth, a ringed one an end: no step leads on from there. What the words
mean and who takes which step is told in [architecture](architecture.md#state-machines) and the pages it names.
"""
NAMES = {"rfq": "RFQ", "lp payment": "LP payment"}
MACHINE = """\
## {name}

`{file}`, class `{model}`, table `{table}`.

```mermaid
stateDiagram-v2
{steps}
```
"""


class Command(BaseCommand):
    help = "Print every state machine of the desk as a page of diagrams."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write("\n".join([HEAD, *(section(model) for model in machines())]), ending="")


def machines() -> list[type[StateMachine]]:
    """All of them, from the lowest app to the highest, in each by name."""
    found = [model for model in apps.get_models() if issubclass(model, StateMachine)]
    order = ["users", "settlement", "rfq", "alerting"]
    return sorted(found, key=lambda model: (order.index(model._meta.app_label), model.__name__))


def section(model: type[StateMachine]) -> str:
    """One machine: where it is written, and its diagram."""
    name = str(model._meta.verbose_name)
    file = Path(inspect.getfile(model)).relative_to(settings.BASE_DIR)
    return MACHINE.format(
        name=NAMES.get(name, name.capitalize()),
        file=file,
        model=model.__name__,
        table=model._meta.db_table,
        steps="\n".join(f"    {step}" for step in steps(model)),
    )


def steps(model: type[StateMachine]) -> Iterator[str]:
    """The diagram's lines: births, steps in the order of the statuses, ends."""
    statuses = [str(status) for status, _label in model.status_field().flatchoices]
    yield from (f"[*] --> {status}" for status in statuses if status in model.first_statuses())
    for status in statuses:
        after = model.TRANSITIONS.get(status, frozenset())
        yield from (f"{status} --> {to}" for to in statuses if to in after)
    yield from (f"{status} --> [*]" for status in statuses if not model.TRANSITIONS.get(status))
