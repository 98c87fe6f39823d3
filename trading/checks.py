"""Checks of our own for `check --deploy`, each with a sentence that says what to do."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from trading.lib import clock

FEWEST_SOURCES = 2
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


def register() -> None:
    """Make Django run them."""
    checks.register(two_roles, checks.Tags.security, deploy=True)
    checks.register(telegram, checks.Tags.security, deploy=True)
    checks.register(mail, checks.Tags.security, deploy=True)
    checks.register(passkey_roles, checks.Tags.security)
    checks.register(https, checks.Tags.security, deploy=True)
    checks.register(proxies, checks.Tags.security, deploy=True)
    checks.register(anchors, checks.Tags.security, deploy=True)
    checks.register(reference_sources)
    checks.register(two_sources, deploy=True)


def two_roles(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """The web and the workers must not run as the role that owns the tables."""
    default, owner = settings.DATABASES["default"], settings.DATABASES.get("owner")
    if owner and owner["USER"] == default["USER"]:
        text = "DATABASE_URL and DATABASE_OWNER_URL use the same role"
        hint = "Give the runtime a role of its own that owns nothing (docs/architecture.md)."
        return [checks.Error(text, hint=hint, id="desk.E001")]
    return []


def telegram(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """The bot needs a token."""
    if settings.TELEGRAM_BOT_TOKEN:
        return []
    hint = "Get one from @BotFather and set TELEGRAM_BOT_TOKEN."
    return [checks.Warning("TELEGRAM_BOT_TOKEN is not set: nobody can trade", hint=hint, id="desk.W001")]


def mail(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """Alerts go by mail as well, to a server that nobody on the way can read along with."""
    if not settings.MAILERS:
        text = "EMAIL_URL is not set: nothing is mailed, and alerts come by Telegram alone"
        return [checks.Warning(text, hint="Set EMAIL_URL (docs/notifications.md).", id="desk.W006")]
    options = settings.MAILERS["default"]["OPTIONS"]
    if options["use_tls"] or options["use_ssl"] or options["host"] in LOCAL_HOSTS:
        return []
    text = "EMAIL_URL is smtp://: mail, and the password of the server, travel in clear"
    return [checks.Error(text, hint="Use smtp+tls:// or smtp+ssl://.", id="desk.E004")]


def passkey_roles(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """A role misspelt in PASSKEY_ROLES would need no passkey; trading parties do not sign in to the console."""
    from users.models.roles import STAFF_ROLES  # noqa: PLC0415 - models must be loaded first

    unknown = [role for role in settings.PASSKEY_ROLES if role not in STAFF_ROLES]
    if not unknown:
        return []
    text = f"PASSKEY_ROLES names what is no role of the desk: {', '.join(unknown)}"
    return [checks.Error(text, hint=f"Use {', '.join(STAFF_ROLES)}.", id="desk.E002")]


def https(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """Cookies, HSTS and redirects are strict only where the desk is reached by https."""
    if settings.IS_HTTPS:
        return []
    text = f"DESK_URL is {settings.DESK_URL}: sessions would travel in clear"
    return [checks.Error(text, hint="Set DESK_URL to the https address people open.", id="desk.E003")]


def proxies(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """Behind a proxy, its address must not be taken for everybody's, nor for the machine's own."""
    if settings.SECURE_PROXY_SSL_HEADER is None:
        if not settings.TRUSTED_PROXIES:
            return []
        text = "TRUSTED_PROXIES is set and BEHIND_PROXY is not: anybody may write their own address"
        hint = "Set BEHIND_PROXY=true where a proxy of yours stands in front, else TRUSTED_PROXIES=0."
        return [checks.Warning(text, hint=hint, id="desk.W002")]
    found: list[checks.CheckMessage] = []
    if not settings.TRUSTED_PROXIES:
        text = "BEHIND_PROXY is set and TRUSTED_PROXIES is 0: everybody is one address to lock-outs and limits"
        hint = "Set TRUSTED_PROXIES to the number of proxies of yours that add to X-Forwarded-For."
        found.append(checks.Warning(text, hint=hint, id="desk.W003"))
    if not settings.METRICS_TOKEN:
        text = "BEHIND_PROXY is set and METRICS_TOKEN is not: nobody can read /metrics"
        found.append(checks.Warning(text, hint="Set METRICS_TOKEN here and in Prometheus.", id="desk.W004"))
    return found


def anchors(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """Without an anchor outside the database, its owner could write a new history."""
    if settings.AUDIT_ANCHOR_FILE:
        return []
    hint = "Set AUDIT_ANCHOR_FILE to a file where the database's people cannot write (docs/audit.md)."
    return [
        checks.Warning("AUDIT_ANCHOR_FILE is not set: nothing proves the end of the log", hint=hint, id="desk.W005")
    ]


def reference_sources(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """What REFERENCE_SOURCES describes must make sense."""
    from rfq.rates import configuration  # noqa: PLC0415 - it may load ccxt, which only this check and the worker need

    try:
        configuration.build(settings.REFERENCE_SOURCES, clock=clock.now)
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), hint="See docs/reference-rates.md.", id="desk.E010")]
    return []


def two_sources(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """A reference is made of at least two sources."""
    if len(settings.REFERENCE_SOURCES) >= FEWEST_SOURCES:
        return []
    text = "REFERENCE_SOURCES names fewer than two sources: no pair has a reference, and none can be traded"
    return [checks.Warning(text, hint="See docs/reference-rates.md.", id="desk.W010")]
