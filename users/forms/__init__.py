"""What people fill in at the console."""

from users.forms.base import CodeForm, ConsoleForm, PasswordForm, ProofForm, RecoveryForm, SecondFactorForm, TokenForm
from users.forms.deciding import DecisionForm, ReasonForm, RevocationForm
from users.forms.filters import FilterForm
from users.forms.keys import IssueKeyForm
from users.forms.newcomer import NewcomerForm
from users.forms.onboarding import CheckForm
from users.forms.passkeys import AddPasskeyForm, NewPasskeyForm, RemovePasskeyForm, RenamePasskeyForm
from users.forms.profile import ChangePasswordForm, NewPasswordForm, PreferencesForm, RenewCodesForm
from users.forms.proposing import (
    ApproveUserForm,
    FactorForm,
    GrantRoleForm,
    PolicyForm,
    ProposalForm,
    RelinkForm,
)
from users.forms.scopes import NarrowScopeForm, WidenScopeForm

__all__ = [
    "AddPasskeyForm",
    "ApproveUserForm",
    "ChangePasswordForm",
    "CheckForm",
    "CodeForm",
    "ConsoleForm",
    "DecisionForm",
    "FactorForm",
    "FilterForm",
    "GrantRoleForm",
    "IssueKeyForm",
    "NarrowScopeForm",
    "NewPasskeyForm",
    "NewPasswordForm",
    "NewcomerForm",
    "PasswordForm",
    "PolicyForm",
    "PreferencesForm",
    "ProofForm",
    "ProposalForm",
    "ReasonForm",
    "RecoveryForm",
    "RelinkForm",
    "RemovePasskeyForm",
    "RenamePasskeyForm",
    "RenewCodesForm",
    "RevocationForm",
    "SecondFactorForm",
    "TokenForm",
    "WidenScopeForm",
]
