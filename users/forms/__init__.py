"""What people fill in at the console."""

from users.forms.base import CodeForm, ConsoleForm, PasswordForm, RecoveryForm, TokenForm
from users.forms.deciding import DecisionForm, ReasonForm, RevocationForm
from users.forms.proposing import (
    ApproveUserForm,
    GrantRoleForm,
    PolicyForm,
    ProposalForm,
    RelinkForm,
)

__all__ = [
    "ApproveUserForm",
    "CodeForm",
    "ConsoleForm",
    "DecisionForm",
    "GrantRoleForm",
    "PasswordForm",
    "PolicyForm",
    "ProposalForm",
    "ReasonForm",
    "RecoveryForm",
    "RelinkForm",
    "RevocationForm",
    "TokenForm",
]
