"""What people fill in at the console."""

from users.forms.base import CodeForm, ConsoleForm, PasswordForm, RecoveryForm, TokenForm
from users.forms.deciding import DecisionForm, ReasonForm, RevocationForm
from users.forms.keys import IssueKeyForm
from users.forms.newcomer import NewcomerForm
from users.forms.onboarding import CheckForm
from users.forms.profile import ChangePasswordForm, NewPasswordForm, PreferencesForm, RenewCodesForm
from users.forms.proposing import (
    ApproveUserForm,
    GrantRoleForm,
    PolicyForm,
    ProposalForm,
    RelinkForm,
)
from users.forms.scopes import NarrowScopeForm, WidenScopeForm

__all__ = [
    "ApproveUserForm",
    "ChangePasswordForm",
    "CheckForm",
    "CodeForm",
    "ConsoleForm",
    "DecisionForm",
    "GrantRoleForm",
    "IssueKeyForm",
    "NarrowScopeForm",
    "NewPasswordForm",
    "NewcomerForm",
    "PasswordForm",
    "PolicyForm",
    "PreferencesForm",
    "ProposalForm",
    "ReasonForm",
    "RecoveryForm",
    "RelinkForm",
    "RenewCodesForm",
    "RevocationForm",
    "TokenForm",
    "WidenScopeForm",
]
