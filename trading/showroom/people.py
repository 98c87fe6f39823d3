"""Logins, their second factors and roles, their own page."""

from collections.abc import Iterator
from datetime import timedelta

from alerting.forms.told import AddressForm, LevelsForm, ProofOfAddressForm
from trading.showroom.facts import REASON, Facts, Sample, like
from users.forms import ChangePasswordForm, PreferencesForm, RenewCodesForm
from users.models import Role


def samples(facts: Facts) -> Iterator[Sample]:
    """All of them."""
    yield from _logins(facts)
    yield from _keys(facts)
    yield from _profile(facts)
    yield from _told(facts)


def _login(facts: Facts, **more: object) -> object:
    usual = {
        "ref": "USR-7KQ2M4TX",
        "username": "tara",
        "person": "Tara Tehrani",
        "counterparty": facts.client,
        "status": "active",
        "live_grants": [like(role="trader")],
        "live_links": [like(telegram_id=4242)],
        "has_totp": True,
        "created_at": facts.ago(days=3),
        "language": "en",
        "time_zone": "UTC",
        "is_scoped": False,
        "approval_request": facts.request,
        "approval_reason": REASON,
        "approval_requested_by": facts.olga,
        "secondary_approver": facts.tara,
        "secondary_approved_at": facts.ago(days=2),
    }
    return like(**usual | more)


def _logins(facts: Facts) -> Iterator[Sample]:
    tara = _login(facts)
    fresh = _login(
        facts, ref="USR-8TR3N5VY", username="newcomer", counterparty=None, status="pending", live_grants=[],
        live_links=[], has_totp=False, approval_request=None,
    )  # fmt: skip
    yield facts.one("users_table", users=[tara, fresh])
    link = like(telegram_id=4242, linked_at=facts.ago(days=2), unreachable_at=facts.now, withdrawals_from=facts.now)
    totp = like(last_used_at=facts.ago(hours=1), created_at=facts.ago(days=3))
    usual = {"user": tara, "totp": totp, "recovery_codes": 9, "locked_until": None, "sessions": 1, "link": link}
    yield facts.one("user_facts", detail=like(**usual))
    bare = {"user": fresh, "totp": None, "recovery_codes": 0, "locked_until": facts.now, "sessions": 0, "link": None}
    yield facts.one("user_facts", "new and locked out", detail=like(**bare))
    yield facts.one("user_evidence", user=tara)
    yield facts.one("user_evidence", "nobody decided", user=fresh)
    grants = [
        like(get_role_display="Trader", granted_at=facts.ago(days=3), revoked_at=None),
        like(get_role_display="Operations", granted_at=facts.ago(days=9), revoked_at=facts.ago(days=1)),
    ]
    yield facts.one("roles_table", grants=grants)
    for state, scoped, served in (("whole desk", False, []), ("some", True, [facts.client]), ("nobody", True, [])):
        yield facts.one("scope", state, subject=like(is_scoped=scoped), served=served)
    reset = like(ref="PWR-7KQ2M4TX", expires_at=facts.now + timedelta(days=1))
    yield facts.one("reset_to_collect", reset=reset, subject=tara)
    policy = like(
        version=2, quorum=2, proposer_roles=[Role.OPS, Role.ADMIN],
        get_approver_role_display="Approver",
        threshold=None, expires_after=timedelta(days=1), execute_within=timedelta(hours=1),
        step_up_within=timedelta(minutes=5),
        made_at=facts.ago(days=9),
    )  # fmt: skip
    yield facts.one("policy_terms", policy=policy)
    yield facts.one("policy_terms", "with a threshold", policy=like(**vars(policy) | {"threshold": 50_000}))


def _keys(facts: Facts) -> Iterator[Sample]:
    key = like(
        ref="KEY-7KQ2M4TX", name="quoter", user=facts.tara, scopes=["rfq.quote"], addresses=["192.0.2.0/24"],
        expires_at=facts.now + timedelta(days=30), last_used_at=facts.ago(hours=1), replaces=None,
        request=facts.request,
    )  # fmt: skip
    free = like(**vars(key) | {"ref": "KEY-8TR3N5VY", "addresses": [], "last_used_at": None, "replaces": key})
    yield facts.one("key_facts", key=key)
    yield facts.one("key_facts", "from anywhere, in the place of another", key=free)
    rows = [(key, "live"), (free, "uncollected")]
    yield facts.one("keys_table", rows=rows, may_revoke=True, actor=facts.olga)
    passkey = like(name="Laptop", created_at=facts.ago(days=3), last_used_at=None)
    yield facts.one("passkey", passkey=passkey)
    yield facts.one("profile_passkeys", "none", passkeys=[])
    yield facts.one("profile_passkeys", passkeys=[passkey])


def _profile(facts: Facts) -> Iterator[Sample]:
    totp = like(last_used_at=facts.ago(hours=1), created_at=facts.ago(days=3))
    yield facts.one("profile_devices", devices=like(totp=totp, recovery_codes=9), form=RenewCodesForm())
    yield facts.one("profile_devices", "none", devices=like(totp=None, recovery_codes=0), form=RenewCodesForm())
    yield facts.one("profile_look", form=PreferencesForm(user=facts.reader))
    yield facts.one("profile_password", form=ChangePasswordForm())
    here = like(
        pk="here", name="7KQ2M4TX", browser="Firefox on Linux", address="192.0.2.7", began_at=facts.ago(hours=2),
        seen_at=facts.now,
    )  # fmt: skip
    there = like(**vars(here) | {"pk": "there", "name": "8TR3N5VY", "browser": "", "address": ""})
    yield facts.one("profile_sessions", sessions=[here, there], current="here")
    yield facts.one("profile_sessions", "this one alone", sessions=[here], current="here")
    link = like(telegram_id=4242, linked_at=facts.ago(days=2), ended_at=None, withdrawals_from=facts.now)
    ended = like(**vars(link) | {"ended_at": facts.ago(days=1)})
    yield facts.one("profile_telegram", links=[link, ended])
    yield facts.one("profile_telegram", "none", links=[])


def _told(facts: Facts) -> Iterator[Sample]:
    yield facts.one("profile_told")
    yield facts.one("told_levels", form=LevelsForm(user=facts.reader), zone="UTC")
    usual = {"address": AddressForm(), "proof": ProofOfAddressForm(), "mail_is_on": True, "link": None}
    box = like(address="olga@desk.example", refused_at=None, confirmed_at=None)
    yield facts.one("told_mailbox", "none", mailbox=None, **usual)
    yield facts.one("told_mailbox", "not proved yet", mailbox=box, **usual)
    proved = like(**vars(box) | {"confirmed_at": facts.now})
    yield facts.one("told_mailbox", "proved", mailbox=proved, **usual | {"link": like(telegram_id=4242)})
    refused = like(**vars(proved) | {"refused_at": facts.now})
    yield facts.one("told_mailbox", "refused", mailbox=refused, **usual)
    yield facts.one("told_mailbox", "mail is off", mailbox=None, **usual | {"mail_is_on": False})
