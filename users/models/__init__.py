"""Everyone and everything that can act at the desk, and the record of what they did."""

from users.models.approvals import ApprovalDecision, ApprovalPolicy, ApprovalRequest, StepUp
from users.models.audit import AuditEvent, AuditSeal
from users.models.devices import RecoveryCode, RecoveryDevice, TotpDevice
from users.models.dialogues import Dialogue
from users.models.filters import SavedFilter
from users.models.keys import ApiKey
from users.models.onboarding import OnboardingCheck
from users.models.passkeys import Passkey, PasskeyAttestation, PasskeyChallenge
from users.models.passwords import PasswordReset
from users.models.people import Counterparty, Person, User
from users.models.roles import Role, RoleGrant
from users.models.scopes import ScopeGrant
from users.models.second_factors import SecondFactorPolicy
from users.models.sessions import Session
from users.models.sign_ins import SignInAttempts
from users.models.telegram import CallbackToken, LinkToken, TelegramLink
from users.models.tokens import CallCount, RefreshToken, TokenFamily

__all__ = [
    "ApiKey",
    "ApprovalDecision",
    "ApprovalPolicy",
    "ApprovalRequest",
    "AuditEvent",
    "AuditSeal",
    "CallCount",
    "CallbackToken",
    "Counterparty",
    "Dialogue",
    "LinkToken",
    "OnboardingCheck",
    "Passkey",
    "PasskeyAttestation",
    "PasskeyChallenge",
    "PasswordReset",
    "Person",
    "RecoveryCode",
    "RecoveryDevice",
    "RefreshToken",
    "Role",
    "RoleGrant",
    "SavedFilter",
    "ScopeGrant",
    "SecondFactorPolicy",
    "Session",
    "SignInAttempts",
    "StepUp",
    "TelegramLink",
    "TokenFamily",
    "TotpDevice",
    "User",
]
