"""`manage.py otp olga`: the present one-time code of a demo person."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_otp.oath import TOTP

from users.models import TotpDevice
from users.models.devices import DIGITS, STEP_SECONDS


class Command(BaseCommand):
    help = "Print the present one-time code of a demo person (sandbox only: elsewhere secrets stay secret)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.IS_SANDBOX:
            raise CommandError("This is not a sandbox: one-time codes come from the person's own authenticator app.")
        device = TotpDevice.objects.filter(user__username=options["username"], confirmed=True).first()
        if device is None:
            raise CommandError(f"{options['username']} has no authenticator app; `manage.py seed` makes demo people.")
        totp = TOTP(device.key, STEP_SECONDS, 0, DIGITS)
        self.stdout.write(f"{totp.token():0{DIGITS}}")
