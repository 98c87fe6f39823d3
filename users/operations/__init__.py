"""Writes about people, their devices, decisions and evidence: one public function per use case."""

from users.operations.approvals import (
    Proposal,
    decide,
    execute_approved,
    expire_approvals,
    lay_down_policies,
    propose,
    withdraw,
)
from users.operations.bootstrap import bootstrap
from users.operations.devices import (
    confirm_enrolment,
    enrol_demo_device,
    start_enrolment,
    step_up,
    step_up_in_sandbox,
    use_recovery_code,
    verify_otp,
)
from users.operations.evidence import record_export, record_rotation, record_verification, seal_audit
from users.operations.filters import remove_filter, save_filter
from users.operations.keys import collect_key, note_use, revoke_key
from users.operations.lists import record_list_export
from users.operations.onboarding import Look, record_checks
from users.operations.passkeys import (
    add_passkey,
    begin_passkey,
    begin_proof,
    prove_afresh,
    remove_passkey,
    rename_passkey,
    step_up_by_passkey,
)
from users.operations.passwords import collect_reset, set_new_password
from users.operations.people import (
    NewUser,
    add_counterparty,
    create_counterparty,
    create_user,
    revoke_role,
    set_language,
    set_time_zone,
    suspend_user,
)
from users.operations.preflight import require_decidable, require_proposable
from users.operations.profile import (
    NewPassword,
    Preferences,
    change_password,
    renew_recovery_codes,
    set_preferences,
)
from users.operations.rules import current_policy, eligible, require_decider, subject_counterparty, subject_person
from users.operations.scopes import narrow_scope, require_served
from users.operations.sessions import (
    end_all_sessions,
    end_other_sessions,
    end_own_session,
    record_sign_in,
    sweep_sessions,
)
from users.operations.signing_in import check_password, sweep_attempts
from users.operations.telegram import NewLinkToken, end_link, link_by_token, link_telegram, make_link_token
from users.operations.tokens import (
    Tokens,
    issue_tokens,
    refresh_tokens,
    require_no_passkey,
    revoke_tokens,
    sweep_tokens,
)
from users.operations.upkeep import record_backup, record_drill

__all__ = [
    "Look",
    "NewLinkToken",
    "NewPassword",
    "NewUser",
    "Preferences",
    "Proposal",
    "Tokens",
    "add_counterparty",
    "add_passkey",
    "begin_passkey",
    "begin_proof",
    "bootstrap",
    "change_password",
    "check_password",
    "collect_key",
    "collect_reset",
    "confirm_enrolment",
    "create_counterparty",
    "create_user",
    "current_policy",
    "decide",
    "eligible",
    "end_all_sessions",
    "end_link",
    "end_other_sessions",
    "end_own_session",
    "enrol_demo_device",
    "execute_approved",
    "expire_approvals",
    "issue_tokens",
    "lay_down_policies",
    "link_by_token",
    "link_telegram",
    "make_link_token",
    "narrow_scope",
    "note_use",
    "propose",
    "prove_afresh",
    "record_backup",
    "record_checks",
    "record_drill",
    "record_export",
    "record_list_export",
    "record_rotation",
    "record_sign_in",
    "record_verification",
    "refresh_tokens",
    "remove_filter",
    "remove_passkey",
    "rename_passkey",
    "renew_recovery_codes",
    "require_decidable",
    "require_decider",
    "require_no_passkey",
    "require_proposable",
    "require_served",
    "revoke_key",
    "revoke_role",
    "revoke_tokens",
    "save_filter",
    "seal_audit",
    "set_language",
    "set_new_password",
    "set_preferences",
    "set_time_zone",
    "start_enrolment",
    "step_up",
    "step_up_by_passkey",
    "step_up_in_sandbox",
    "subject_counterparty",
    "subject_person",
    "suspend_user",
    "sweep_attempts",
    "sweep_sessions",
    "sweep_tokens",
    "use_recovery_code",
    "verify_otp",
    "withdraw",
]
