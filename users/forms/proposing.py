"""Proposing what a second person has to decide: one form an act, with the payload the act takes."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from trading.lib.ids import new_ref
from users.forms.base import DIGITS, ProofForm
from users.forms.deciding import ReasonField
from users.models import ApprovalPolicy, Role, SecondFactorPolicy, User
from users.models.roles import DECIDING_ROLES, PROPOSING_ROLES

MINUTE = 60
DAYS_AT_MOST = 7


class ProposalForm(ProofForm):
    """
    What every proposal has: a reason, who is asked to decide, a one-time code, and a key that makes it one.

    :param candidates: who may be asked; only people who could decide it.
    """

    reason = ReasonField()
    nominee = forms.ChoiceField(
        label=_("Secondary approver"),
        help_text=_("Is asked to decide. Any other eligible approver may decide in their place."),
        error_messages={
            "required": _("Secondary approver: name who is asked to decide."),
            "invalid_choice": _("Secondary approver: choose one of the people offered."),
        },
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput, initial=partial(new_ref, "KEY"))
    field_order: Sequence[str] = ("reason", "nominee", "otp_token", "key")

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        candidates: Sequence[User],
        must_nominate: bool = True,
        scope: str = "proposal",
    ) -> None:
        super().__init__(data, scope=scope)
        self.candidates = {user.ref: user for user in candidates}
        nominee = self.fields["nominee"]
        nominee.required = must_nominate
        nobody = _("Choose a person") if must_nominate else _("Nobody in particular")
        people = [(user.ref, f"{user.person} ({user.username})") for user in candidates]
        nominee.choices = [("", nobody), *people]  # type: ignore[attr-defined]

    @property
    def chosen(self) -> User | None:
        """The person asked to decide."""
        return self.candidates.get(self.cleaned_data.get("nominee", ""))

    def payload(self) -> dict[str, Any]:
        """What the act takes besides its target."""
        return {}


class ApproveUserForm(ProposalForm):
    """Letting in, with roles."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Roles: choose at least one.")},
    )
    field_order = ("roles", "reason", "nominee", "otp_token", "key")

    def __init__(self, data: QueryDict | None = None, *, roles: Sequence[Role], candidates: Sequence[User]) -> None:
        super().__init__(data, candidates=candidates)
        self.fields["roles"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]

    def payload(self) -> dict[str, Any]:
        """The roles it is to hold."""
        return {"roles": self.cleaned_data["roles"]}


class GrantRoleForm(ProposalForm):
    """One more role."""

    role = forms.ChoiceField(label=_("Role"), error_messages={"required": _("Role: choose one.")})
    field_order = ("role", "reason", "nominee", "otp_token", "key")

    def __init__(self, data: QueryDict | None = None, *, roles: Sequence[Role], candidates: Sequence[User]) -> None:
        super().__init__(data, candidates=candidates)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]

    def payload(self) -> dict[str, Any]:
        """The role."""
        return {"role": self.cleaned_data["role"]}


class RelinkForm(ProposalForm):
    """Another Telegram account."""

    telegram_id = forms.RegexField(
        r"^[1-9][0-9]{0,14}$",
        label=_("New Telegram account"),
        help_text=_("Its numeric id. The old chat is cut off."),
        error_messages={
            "required": _("Telegram account: enter its numeric id."),
            "invalid": _("Telegram account: its id is a number."),
        },
        widget=forms.TextInput(attrs={"inputmode": "numeric", "dir": "ltr", "autocomplete": "off"}),
    )
    field_order = ("telegram_id", "reason", "nominee", "otp_token", "key")

    def payload(self) -> dict[str, Any]:
        """The account's numeric id."""
        return {"telegram_id": int(self.cleaned_data["telegram_id"].translate(DIGITS))}


class PolicyForm(ProposalForm):
    """Other terms for an act. What stays as it is, is not proposed."""

    quorum = forms.IntegerField(label=_("Approvals needed"), min_value=1, max_value=5)
    approver_role = forms.ChoiceField(
        label=_("Who decides"), choices=[(role, Role(role).label) for role in DECIDING_ROLES]
    )
    proposer_roles = forms.MultipleChoiceField(
        label=_("Who proposes"),
        choices=[(role, Role(role).label) for role in PROPOSING_ROLES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Who proposes: choose at least one role.")},
    )
    expires_after = forms.IntegerField(label=_("Expires after (minutes)"), min_value=1, max_value=DAYS_AT_MOST * 1440)
    execute_within = forms.IntegerField(label=_("Done within (minutes)"), min_value=1, max_value=DAYS_AT_MOST * 1440)
    step_up_within = forms.IntegerField(label=_("One-time code valid for (minutes)"), min_value=1, max_value=60)
    threshold = forms.IntegerField(
        label=_("One person below (whole units)"), min_value=1, help_text=_("From there on two decide.")
    )
    field_order = (
        "quorum",
        "approver_role",
        "proposer_roles",
        "threshold",
        "expires_after",
        "execute_within",
        "step_up_within",
        "reason",
        "nominee",
        "otp_token",
        "key",
    )

    def __init__(self, data: QueryDict | None = None, *, policy: ApprovalPolicy, candidates: Sequence[User]) -> None:
        super().__init__(data, candidates=candidates, must_nominate=False)
        self.policy = policy
        for name in ("quorum", "approver_role", "proposer_roles"):
            self.fields[name].initial = getattr(policy, name)
        for name in ("expires_after", "execute_within", "step_up_within"):
            self.fields[name].initial = int(getattr(policy, name).total_seconds()) // MINUTE
        if policy.threshold is None:
            del self.fields["threshold"]
        else:
            self.fields["threshold"].initial = int(policy.threshold)

    def clean(self) -> dict[str, Any]:
        """
        Refuse a proposal to change nothing.

        :raises django.core.exceptions.ValidationError: every term is as it is now.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not self.payload():
            raise forms.ValidationError(_("Every term is as it is now. Change what should be different."))
        return cleaned

    def payload(self) -> dict[str, Any]:
        """The terms that change; durations in seconds."""
        wanted: dict[str, Any] = {}
        for name in ("quorum", "approver_role", "proposer_roles"):
            value, now = self.cleaned_data[name], getattr(self.policy, name)
            if (sorted(value) != sorted(now)) if isinstance(now, list) else value != now:
                wanted[name] = value
        for name in ("expires_after", "execute_within", "step_up_within"):
            seconds = self.cleaned_data[name] * MINUTE
            if timedelta(seconds=seconds) != getattr(self.policy, name):
                wanted[name] = seconds
        if "threshold" in self.fields and self.cleaned_data["threshold"] != self.policy.threshold:
            wanted["threshold"] = self.cleaned_data["threshold"]
        return wanted


class FactorForm(ProposalForm):
    """What a role takes as second factor from now on."""

    factor = forms.ChoiceField(
        label=_("Second factor"),
        choices=[("either", _("One-time code or passkey")), ("passkey", _("Passkey only"))],
    )
    field_order = ("factor", "reason", "nominee", "otp_token", "key")

    def __init__(
        self, data: QueryDict | None = None, *, policy: SecondFactorPolicy, candidates: Sequence[User]
    ) -> None:
        super().__init__(data, candidates=candidates, must_nominate=False)
        self.fields["factor"].initial = "either" if policy.passkey_required else "passkey"

    def payload(self) -> dict[str, Any]:
        """Whether it is a passkey."""
        return {"passkey_required": self.cleaned_data["factor"] == "passkey"}
