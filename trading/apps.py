"""The composition root: an app without models that ties the others together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

if TYPE_CHECKING:
    from alerting.inbox import Outgoing
    from users.models import User


class TradingConfig(AppConfig):
    """Settings, shell, bot, sandbox."""

    name = "trading"

    def ready(self) -> None:
        """Register start-up checks and the bot, and set up logging."""
        from alerting import inbox, menus  # noqa: PLC0415 - apps must be loaded first
        from trading import checks, logs  # noqa: PLC0415 - likewise
        from trading.lib import prepared, trail  # noqa: PLC0415 - likewise
        from users import context  # noqa: PLC0415 - likewise

        checks.register()
        logs.configure()
        connection_created.connect(prepared.keep_plans, dispatch_uid="trading.lib.prepared")
        carriers: list[trail.Carrier] = [context.RequestId()]
        if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
            from trading import tracing  # noqa: PLC0415 - its library is loaded only where it is wanted

            carriers.append(tracing.start())
        trail.register(carriers)
        inbox.register(_hear)
        menus.register(_offer)


async def _hear(payload: Mapping[str, Any]) -> "Sequence[Outgoing]":
    """Let the bot handle an update. Its library is loaded on the first one: only workers need it."""
    from trading.bot import application  # noqa: PLC0415 - see above

    return await application.handle(payload)


def _offer(user: "User") -> Sequence[tuple[str, str]]:
    """The commands of a person's side."""
    from trading.bot import registry  # noqa: PLC0415 - apps must be loaded first

    return registry.menu_of(user)
