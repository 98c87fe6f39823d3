"""`manage.py bootstrap`: the first two people of a new desk."""

from getpass import getpass
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import RegexValidator

from trading.lib import clock
from trading.lib.errors import DeskError
from users import operations, policies
from users.errors import SomebodyIsActive
from users.models import User
from users.operations import NewUser

plain_name = RegexValidator(
    r"^[a-z0-9][a-z0-9._-]{0,63}$",
    "Use lower-case letters, digits, dots, hyphens: {value}".replace("{value}", "%(value)s"),
)


class Command(BaseCommand):
    help = (
        "Let in the first two people of a desk where nobody is active: approvers who may also propose. "
        "Everybody else is let in by two of them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        for which in ("first", "second"):
            parser.add_argument(f"--{which}", required=True, metavar="USERNAME")
            parser.add_argument(f"--{which}-name", default="", metavar="NAME", help="full name; asked for when absent")
            parser.add_argument(
                f"--{which}-password-file", type=Path, metavar="FILE", help="its first line; asked for when absent"
            )
        parser.add_argument("--reason", required=True, help="why these two: at least 20 characters")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            policies.require_meaningful(options["reason"])
            if User.objects.exclude(status__in=[User.Status.PENDING, User.Status.REJECTED]).exists():
                raise SomebodyIsActive
            operations.lay_down_policies(now=clock.now())
            pair = [self._person(which, options) for which in ("first", "second")]
            operations.bootstrap(first=pair[0], second=pair[1], reason=options["reason"], now=clock.now())
        except DeskError as error:
            raise CommandError(error.sentence) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(
            f"{pair[0]} and {pair[1]} are let in, each on the other's word. Both sign in now and set up their "
            "authenticator app; from here on every act needs two of them."
        )

    def _person(self, which: str, options: dict[str, Any]) -> User:
        """The pending login of that name; made when there is none."""
        username = options[which]
        known = User.objects.filter(username=username).first()
        if known is not None:
            return known
        plain_name(username)
        name = options[f"{which}_name"] or input(f"Full name of {username}: ")
        if not name.strip():
            raise CommandError(f"{username} needs a full name: who a person is does not change later.")
        password = _password(username, options[f"{which}_password_file"])
        new = NewUser(username=username, full_name=name.strip(), password=password)
        return operations.create_user(new=new, actor=None, now=clock.now())


def _password(username: str, file: Path | None) -> str:
    if file is not None:
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeError) as error:
            raise CommandError(f"The password file of {username} cannot be read: {error}") from error
        if not lines or not lines[0]:
            raise CommandError(f"The password file of {username} is empty: put the password on its first line.")
        return lines[0]
    password = getpass(f"Password of {username} (at least 12 characters): ")
    if not password or password != getpass("The same again: "):
        raise CommandError("The two passwords are not the same. Nobody was let in; run it again.")
    return password
