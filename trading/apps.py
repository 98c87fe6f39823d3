"""The composition root: an app without models that ties the others together."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Settings, shell, bot, sandbox."""

    name = "trading"

    def ready(self) -> None:
        """Register start-up checks and set up logging."""
        from trading import checks, logs  # noqa: PLC0415 - apps must be loaded first

        checks.register()
        logs.configure()
