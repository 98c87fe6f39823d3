"""The Django admin shows evidence to auditors, and changes nothing; nor does any other way around the operations."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.api.conftest import plain_files, signed_in  # noqa: F401 - a fixture
from tests.console import scene
from tests.console.codes import code
from tests.factories import REASON
from tests.probes import refused
from tests.users.authenticator import enrol
from tests.users.keys import issued
from trading.lib import clock
from users import operations
from users.admin import site
from users.admin.evidence import FirstWord
from users.models import ApprovalRequest, AuditEvent, RecoveryDevice, RoleGrant, TotpDevice, User
from users.operations.signing_in import WrongPassword

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted(model._meta.model_name or "" for model in site._registry)
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|javascript:|<style")


@pytest.fixture
def audrey(db: None) -> User:
    return factories.user("auditor", username="audrey")


@pytest.fixture
def auditor(audrey: User) -> Client:
    """Her browser, signed in, with some history to look at."""
    operations.seal_audit(now=clock.now())
    client = signed_in(audrey)
    client.handler.enforce_csrf_checks = False
    return client


def url(model: str, page: str = "changelist", *arguments: object) -> str:
    return reverse(f"admin:users_{model}_{page}", args=arguments)


@pytest.mark.parametrize("model", MODELS)
def test_an_auditor_reads_every_table_and_row(auditor: Client, model: str) -> None:
    factories.counterparty()
    if model == "scopegrant":
        founder, other = factories.founders()
        keep = [factories.counterparty()]
        operations.narrow_scope(user=founder, keep=keep, actor=other, reason=REASON, now=clock.now())
    if model in {"passkey", "recoverydevice"}:
        enrol(factories.founders()[0])
        operations.renew_recovery_codes(actor=factories.founders()[0], token=code(scene.TOTP_KEY), now=clock.now())
    if model == "tokenfamily":
        operations.issue_tokens(user=factories.founders()[0], address="192.0.2.7", now=clock.now())
    if model == "apikey":
        issued(factories.user("lp"))
    if model == "passwordreset":
        factories.carry("password.reset", factories.user("ops").ref)
    if model == "signinattempts":
        with pytest.raises(WrongPassword):
            operations.check_password(username="nobody", password="wrong", address="192.0.2.1", now=clock.now())
    if model == "telegramlink":
        operations.link_telegram(user=factories.founders()[0], telegram_id=4711, now=clock.now())
    table = next(one for one in site._registry if one._meta.model_name == model)
    row = table._default_manager.order_by("-pk")[0]

    for path in (url(model), url(model, "change", row.pk), url(model, "history", row.pk)):
        page = auditor.get(path)
        assert page.status_code == 200, path
        assert page.headers["Cache-Control"] == "no-store"
        text = page.content.decode()
        assert not INLINE.search(text), (path, INLINE.search(text))
        assert "_save" not in text
        assert "deletelink" not in text


def test_the_front_page_names_the_tables(auditor: Client) -> None:
    page = auditor.get("/admin/")

    assert page.status_code == 200
    assert "Audit events" in page.content.decode()
    assert "script-src &#x27;self&#x27;" in page.headers["Content-Security-Policy"].replace("'", "&#x27;")


def test_events_are_searched_and_filtered(auditor: Client, audrey: User) -> None:
    everything = auditor.get(url("auditevent")).content.decode()
    mine = auditor.get(url("auditevent"), {"q": audrey.ref}).content.decode()
    about = auditor.get(url("auditevent"), {"about": "policy"}).content.decode()

    assert audrey.ref in mine
    assert len(mine) < len(everything)
    assert audrey.ref not in about


def test_every_kind_of_event_can_be_filtered_by_what_it_is_about() -> None:
    named = re.compile(r'audit\.record\(\s*f?"([a-z_]+)\.')
    sources = [path for app in ("users", "settlement", "rfq", "alerting") for path in (ROOT / app).rglob("*.py")]
    written = {word for path in sources for word in named.findall(path.read_text())}

    assert "dispute" in written
    assert written <= set(FirstWord.words)


def test_second_factors_are_shown_without_what_makes_them(auditor: Client) -> None:
    holder = factories.founders()[0]
    _authenticator, passkey = enrol(holder)
    shown = operations.renew_recovery_codes(actor=holder, token=code(scene.TOTP_KEY), now=clock.now())
    operations.use_recovery_code(user=holder, code=shown[0], now=clock.now())
    sheet = RecoveryDevice.objects.get(user=holder)

    of_passkey = auditor.get(url("passkey", "change", passkey.pk)).content.decode()
    of_sheet = auditor.get(url("recoverydevice", "change", sheet.pk)).content.decode()
    of_list = auditor.get(url("recoverydevice")).content.decode()

    assert "phone" in of_passkey
    assert passkey.credential_id_sha256 in of_passkey
    for secret in (passkey.public_key, passkey.credential_id):
        assert bytes(secret).hex() not in of_passkey
        assert str(bytes(secret)) not in of_passkey
    assert re.findall(r'<td class="field-(left|used)">(\d+)</td>', of_list) == [("left", "9"), ("used", "1")]
    assert not any(one in of_sheet for one in [*shown, *sheet.codes.values_list("hashed", flat=True)])


def test_lock_outs_and_policies_are_found(auditor: Client, audrey: User) -> None:
    for _again in range(5):
        with pytest.raises(WrongPassword):
            operations.check_password(username="audrey", password="wrong", address="192.0.2.1", now=clock.now())

    locks = auditor.get(url("signinattempts"), {"q": "audrey"}).content.decode()
    policies = auditor.get(url("secondfactorpolicy")).content.decode()
    told = auditor.get(url("auditevent"), {"about": "sign_in"}).content.decode()

    assert "192.0.2.1" in locks
    assert "audrey" in locks
    assert policies.count("field-passkey_required") == 4
    assert "sign_in.locked_out" in told


def test_secrets_are_not_shown(auditor: Client, audrey: User) -> None:
    page = auditor.get(url("user", "change", audrey.pk)).content.decode()

    assert "password" not in page.lower()
    device = TotpDevice.objects.get(user=audrey)
    page = auditor.get(url("totpdevice", "change", device.pk)).content.decode()
    assert "secret" not in page.lower()
    assert bytes(device.secret).decode() not in page
    assert not {"recoverycode", "refreshtoken", "linktoken"} & set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_added_changed_or_deleted(auditor: Client, model: str) -> None:
    table = next(one for one in site._registry if one._meta.model_name == model)
    row = table._default_manager.order_by("-pk").first()
    pk = row.pk if row else 1
    before = list(table._default_manager.order_by("pk").values())

    for path in (url(model, "add"), url(model, "change", pk), url(model, "delete", pk), url(model)):
        answer = auditor.post(
            path, {"action": "delete_selected", "_selected_action": [pk], "status": "active", "post": "yes"}
        )
        assert answer.status_code == 403, path
    assert auditor.get(url(model, "add")).status_code == 403
    assert auditor.get(url(model, "delete", pk)).status_code == 403
    assert list(table._default_manager.order_by("pk").values()) == before


def test_without_a_session_there_is_only_the_sign_in(client: Client, db: None) -> None:
    answer = client.get("/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/?next=%2Fadmin%2F")

    answer = client.get(url("auditevent"))
    assert answer.headers["Location"].startswith("/sign-in/?next=%2Fadmin%2Fusers")

    for answer in (client.get("/admin/login/"), client.post("/admin/login/", {"username": "x", "password": "y"})):
        assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/")


def test_a_password_alone_is_not_enough(audrey: User) -> None:
    half = signed_in(audrey, with_otp=False)

    assert half.get("/admin/").headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("role", ["ops", "approver", "admin"])
def test_who_may_not_view_the_audit_is_refused(db: None, role: str) -> None:
    client = signed_in(factories.user(role))

    assert client.get("/admin/").status_code == 403
    assert client.get(url("auditevent")).status_code == 403


def test_an_auditor_whose_role_was_revoked_is_signed_out(auditor: Client, audrey: User) -> None:
    RoleGrant.objects.filter(user=audrey).update(revoked_at=clock.now())

    assert auditor.get("/admin/").headers["Location"] == "/sign-in/?next=%2Fadmin%2F"


def test_signing_out_there_ends_the_session(auditor: Client) -> None:
    assert auditor.post("/admin/logout/").headers["Location"] == "/sign-in/"
    assert auditor.get("/admin/").status_code == 302


def test_passwords_are_not_changed_there(auditor: Client) -> None:
    assert auditor.get("/admin/password_change/").status_code == 404


# --- other ways around -----------------------------------------------------------------------


def fixture_file(tmp_path: Path, rows: list[dict[str, Any]]) -> str:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    return str(path)


def load(path: str) -> None:
    """As the runtime role nothing is loaded; as the owner of the tables it is refused."""
    call_command("loaddata", path, verbosity=0)
    with pytest.raises(DatabaseError, match=r"DC4|DC50"):
        call_command("loaddata", path, verbosity=0, database="owner")
    connections["owner"].close()


def test_loaddata_makes_nobody_active(audrey: User, tmp_path: Path) -> None:
    pending = factories.newcomer("tara")
    day = "2026-01-01T00:00:00Z"
    fields = {"username": "tara", "ref": pending.ref, "status": "active", "person": pending.person_id, "password": "x"}
    fields |= {"approval_reason": "Loaded from a file, by nobody.", "created_at": day, "updated_at": day}
    fields |= {"approval_requested_by": audrey.pk, "secondary_approver": factories.founders()[0].pk}
    fields |= {"secondary_approved_at": day}
    new = fields | {"username": "new", "ref": "USR-NEWNEWNE"}

    load(fixture_file(tmp_path, [{"model": "users.user", "pk": pending.pk, "fields": fields}]))
    load(fixture_file(tmp_path, [{"model": "users.user", "pk": 999_999, "fields": new}]))

    assert User.objects.get(pk=pending.pk).status == "pending"
    assert not User.objects.filter(pk=999_999).exists()


def test_loaddata_grants_no_role(audrey: User, tmp_path: Path) -> None:
    fields = {"user": audrey.pk, "role": "approver", "granted_at": "2026-01-01T00:00:00Z"}

    load(fixture_file(tmp_path, [{"model": "users.rolegrant", "pk": 999, "fields": fields}]))

    assert not RoleGrant.objects.filter(user=audrey, role="approver").exists()


def test_update_of_the_runtime_role_changes_no_evidence(audrey: User) -> None:
    pending = factories.newcomer()
    for change in ({"status": "active"}, {"approval_reason": "A better one than the true one."}):
        with refused("DC4|user_decided_by_two|users_user"):
            User.objects.filter(pk=pending.pk).update(**change)
    with refused("DC42"):
        User.objects.filter(pk=audrey.pk).update(approval_reason="A better one than the true one.")
    with refused("permission denied|never changed"):
        AuditEvent.objects.update(reason="better")
    with refused("permission denied|never changed"):
        AuditEvent.objects.all().delete()
    with refused("DC10"):
        ApprovalRequest.objects.update(reason="A better one than the true one.")


def test_the_waffle_command_turns_nothing_on(db: None) -> None:
    with pytest.raises(DatabaseError, match="DC70"):
        call_command("waffle_switch", "AUTO_SETTLEMENT_ENABLED", "on", "--create")
