"""Persons, the legal entities they trade for, and their logins."""

from functools import partial
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from trading.lib.ids import new_ref
from trading.lib.states import StateMachine, Transitions


class Person(models.Model):
    """A human being, unique. Four eyes means two persons, however many logins they have."""

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "PER"))
    full_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.full_name


class Counterparty(StateMachine):
    """A legal entity that trades with the desk. Its row is what its trades are serialised on."""

    class Kind(models.TextChoices):
        """Which side of the desk it stands on."""

        CLIENT = "client", _("Client")
        LP = "lp", _("Liquidity provider")

    class Status(models.TextChoices):
        """Whether it may trade."""

        ACTIVE = "active", _("Active")
        FROZEN = "frozen", _("Frozen")

    TRANSITIONS: ClassVar[Transitions] = {
        Status.ACTIVE: frozenset({Status.FROZEN}),
        Status.FROZEN: frozenset({Status.ACTIVE}),
    }

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "CPY"))
    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "counterparties"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["client", "lp"]), name="counterparty_kind_known"),
            models.CheckConstraint(condition=~Q(name=""), name="counterparty_has_name"),
        ]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Finds users by the name they sign in with. Making one is `users.operations.create_user`."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Case does not matter in a name."""
        return self.get(username__iexact=username)


class Digits(models.TextChoices):
    """Which digits words have that are said in the reader's language. Amounts and refs always have Latin ones."""

    OWN = "own", _("Those of the language")
    LATIN = "latin", _("Latin: 0 1 2 3")


class Density(models.TextChoices):
    """How close rows stand."""

    COMPACT = "compact", _("Compact")
    COMFORTABLE = "comfortable", _("Comfortable")


class Theme(models.TextChoices):
    """Light on dark or dark on light."""

    SYSTEM = "system", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class User(StateMachine, AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]
    """
    A login of one person, or of a service. Nobody is a superuser.

    What a user may do comes from roles (`users.capabilities`), never from Django's permissions.
    """

    class Kind(models.TextChoices):
        """Who holds the credentials."""

        HUMAN = "human", _("Person")
        SERVICE = "service", _("Service")

    class Status(models.TextChoices):
        """Where the login stands."""

        PENDING = "pending", _("Pending")
        ACTIVE = "active", _("Active")
        REJECTED = "rejected", _("Rejected")
        SUSPENDED = "suspended", _("Suspended")

    TRANSITIONS: ClassVar[Transitions] = {
        Status.PENDING: frozenset({Status.ACTIVE, Status.REJECTED}),
        Status.ACTIVE: frozenset({Status.SUSPENDED}),
        Status.SUSPENDED: frozenset({Status.ACTIVE}),
        Status.REJECTED: frozenset({Status.PENDING}),
    }

    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "USR"))
    username = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="users", null=True, blank=True)
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, related_name="users", null=True, blank=True
    )
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.HUMAN)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    is_active = models.GeneratedField(
        expression=Q(status="active"),  # type: ignore[arg-type]  # a condition is an expression
        output_field=models.BooleanField(),
        db_persist=True,
    )
    is_scoped = models.BooleanField(default=False, db_default=False)  # serves only the counterparties granted to it
    approval_reason = models.TextField(blank=True)
    approval_requested_by = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    secondary_approver = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    secondary_approved_at = models.DateTimeField(null=True, blank=True)
    approval_request = models.OneToOneField(
        "users.ApprovalRequest", on_delete=models.PROTECT, null=True, blank=True, related_name="decided_user"
    )
    language = models.CharField(max_length=8, default="en")
    time_zone = models.CharField(max_length=64, default="UTC")
    digits = models.CharField(max_length=8, choices=Digits.choices, default=Digits.OWN, db_default=Digits.OWN)
    density = models.CharField(
        max_length=16, choices=Density.choices, default=Density.COMPACT, db_default=Density.COMPACT
    )
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.SYSTEM, db_default=Theme.SYSTEM)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    known_capabilities: frozenset[str] | None = None  # of this object; read once by `users.capabilities`
    takes_passkey: bool = False  # likewise, with them: whether a role takes a passkey only

    key_scopes: frozenset[str] | None = None  # of this object, when it acts by an API key

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(username__regex=r"^[a-z0-9][a-z0-9._-]*$"), name="user_name_plain"),
            models.CheckConstraint(condition=Q(is_superuser=False), name="user_nobody_is_superuser"),
            models.CheckConstraint(
                condition=Q(is_scoped=False) | Q(counterparty__isnull=True, kind="human"), name="user_scope_of_staff"
            ),
            models.CheckConstraint(condition=Q(kind="service") | Q(person__isnull=False), name="user_human_has_person"),
            models.CheckConstraint(condition=Q(kind="human") | Q(person__isnull=True), name="user_service_has_none"),
            models.CheckConstraint(
                condition=Q(status="pending")
                | Q(
                    ~Q(approval_reason=""),
                    approval_requested_by__isnull=False,
                    secondary_approver__isnull=False,
                    secondary_approved_at__isnull=False,
                ),
                name="user_decided_by_two",
            ),
            models.CheckConstraint(
                condition=Q(secondary_approver__isnull=True)
                | (~Q(secondary_approver=F("id")) & ~Q(secondary_approver=F("approval_requested_by")))
                | Q(approval_request__isnull=True),
                name="user_four_eyes",
            ),
            models.CheckConstraint(condition=Q(digits__in=Digits.values), name="user_digits_known"),
            models.CheckConstraint(condition=Q(density__in=Density.values), name="user_density_known"),
            models.CheckConstraint(condition=Q(theme__in=Theme.values), name="user_theme_known"),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def is_staff(self) -> bool:
        """Whether the person works for the desk: such users belong to no counterparty."""
        return self.counterparty_id is None and self.kind == self.Kind.HUMAN

    def has_perm(self, perm: str, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Django's permissions give nothing here; capabilities do."""
        return False

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002 - Django's signature
        """See `has_perm`."""
        return False
