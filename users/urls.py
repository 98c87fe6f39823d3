"""Addresses of the sign-in, of people, of what two decide, and of the audit log."""

from django.urls import path

from users.views import approvals, counterparties, keys, log, people, policies, profile, scopes, signing_in, telegram

app_name = "users"

urlpatterns = [
    path("sign-in/", signing_in.sign_in, name="sign-in"),
    path("sign-in/otp/", signing_in.one_time_code, name="otp"),
    path("sign-in/recovery/", signing_in.recovery, name="recovery"),
    path("sign-in/enrol/", signing_in.enrolment, name="enrolment"),
    path("sign-out/", signing_in.sign_out, name="sign-out"),
    path("profile/", profile.profile, name="profile"),
    path("profile/look/", profile.look, name="profile-look"),
    path("profile/password/", profile.password, name="profile-password"),
    path("profile/recovery-codes/", profile.recovery_codes, name="profile-recovery-codes"),
    path("profile/sessions/ending/", profile.other_sessions_ending, name="profile-sessions-ending"),
    path("profile/sessions/<str:name>/ending/", profile.session_ending, name="profile-session-ending"),
    path("profile/telegram/token/", telegram.own_link_token, name="profile-telegram-token"),
    path("profile/telegram/ending/", telegram.own_ending, name="profile-telegram-ending"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<str:ref>/", approvals.approval, name="approval"),
    path("approvals/<str:ref>/decision/", approvals.decision, name="approval-decision"),
    path("approvals/<str:ref>/withdrawal/", approvals.withdrawal, name="approval-withdrawal"),
    path("users/", people.users, name="users"),
    path("users/<str:ref>/", people.user, name="user"),
    path("users/<str:ref>/proposals/<str:act>/", people.proposal, name="user-proposal"),
    path("users/<str:ref>/suspension/", people.suspension, name="user-suspension"),
    path("users/<str:ref>/sessions/ending/", people.sessions_ending, name="user-sessions-ending"),
    path("users/<str:ref>/role-revocation/", people.role_revocation, name="user-role-revocation"),
    path("users/<str:ref>/checks/", people.checks, name="user-checks"),
    path("users/<str:ref>/telegram/token/", telegram.link_token, name="user-telegram-token"),
    path("users/<str:ref>/telegram/ending/", telegram.ending, name="user-telegram-ending"),
    path("users/<str:ref>/scope/", scopes.scope, name="user-scope"),
    path("users/<str:ref>/keys/<str:key>/collection/", keys.collection, name="user-key-collection"),
    path("users/<str:ref>/keys/<str:key>/revocation/", keys.revocation, name="user-key-revocation"),
    path("counterparties/", counterparties.counterparties, name="counterparties"),
    path("counterparties/<str:ref>/", counterparties.counterparty, name="counterparty"),
    path("counterparties/<str:ref>/checks/", counterparties.checks, name="counterparty-checks"),
    path("policies/", policies.policies, name="policies"),
    path("policies/<str:act>/", policies.policy, name="policy"),
    path("policies/<str:act>/proposals/", policies.proposal, name="policy-proposal"),
    path("audit/", log.events, name="audit"),
    path("audit/export/", log.export, name="audit-export"),
    path("audit/<int:pk>/", log.event, name="audit-event"),
]
