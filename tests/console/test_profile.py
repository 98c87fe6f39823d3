"""One's own page: how the console looks, the password, recovery codes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, transaction
from django.test import Client

from tests.console import scene
from tests.console.codes import code
from tests.console.conftest import verified_client
from trading.lib import clock
from users.models import AuditEvent, RecoveryCode, Role, Session, TokenFamily, TotpDevice, User
from users.operations.signing_in import LIMITS, Scope

NEW = "a quite different horse 47"
LOOK = {"language": "en", "digits": "own", "time_zone": "UTC", "density": "compact", "theme": "system"}


def save(client: Client, **changes: str) -> Any:
    return client.post("/profile/look/", LOOK | changes)


def change(client: Client, **changes: str) -> Any:
    if "otp_token" not in changes:
        TotpDevice.objects.update(last_step=-1, throttling_failure_timestamp=None)
    typed = {"current_password": scene.PASSWORD, "new_password": NEW, "again": NEW, "otp_token": code(scene.TOTP_KEY)}
    return client.post("/profile/password/", typed | changes)


def events(name: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(name=name).order_by("pk"))


# --- how it looks ----------------------------------------------------------------------------


def test_the_profile_is_in_the_menu_and_names_the_person(console: Client) -> None:
    assert 'href="/profile/"' in console.get("/").content.decode()

    page = console.get("/profile/").content.decode()

    assert "Olga" in page
    assert "Set up" in page


def test_what_is_chosen_is_kept_in_one_event(console: Client, olga: User) -> None:
    answer = save(console, language="fa", digits="latin", time_zone="Asia/Tehran", density="comfortable", theme="dark")

    assert answer.headers["Location"] == "/profile/"
    user = User.objects.get(pk=olga.pk)
    assert (user.language, user.digits, user.time_zone) == ("fa", "latin", "Asia/Tehran")
    (event,) = events("user.preferences_set")
    assert (event.actor, event.subject_ref) == (olga, olga.ref)
    assert event.before == LOOK
    assert event.after["theme"] == "dark"
    page = console.get("/profile/").content.decode()
    assert '<html lang="fa" dir="rtl" data-theme="dark" data-density="comfortable">' in page


def test_keeping_what_is_so_already_leaves_no_event(console: Client, olga: User) -> None:
    assert save(console).status_code == 302
    assert events("user.preferences_set") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("language", "tlh"), ("digits", "roman"), ("time_zone", "Mars/Olympus"), ("density", "x"), ("theme", "")],
)
def test_what_there_is_not_is_refused(console: Client, olga: User, field: str, value: str) -> None:
    answer = save(console, **{field: value})

    assert answer.status_code == 422
    assert 'id="errors"' in answer.content.decode()
    assert events("user.preferences_set") == []


def test_the_database_knows_the_choices_too(olga: User) -> None:
    for field in ("digits", "density", "theme"):
        with pytest.raises(Error, match=f"user_{field}_known"), transaction.atomic():
            User.objects.filter(pk=olga.pk).update(**{field: "x"})


def test_a_browser_that_was_switched_over_follows_the_profile_again_once_it_is_kept(console: Client) -> None:
    console.cookies["theme"] = "light"
    save(console, theme="dark")

    assert console.cookies["theme"].value == ""
    del console.cookies["theme"]
    assert 'data-theme="dark"' in console.get("/").content.decode()
    console.cookies["theme"] = "light"
    assert 'data-theme="light"' in console.get("/").content.decode()


@pytest.mark.parametrize("digits", ["own", "latin"])
def test_ages_have_the_digits_one_wants(olga: User, digits: str) -> None:
    client = verified_client(olga)
    save(client, language="fa", digits=digits)
    Session.objects.update(began_at=Session.objects.get().began_at.replace(year=2020))

    page = client.get("/profile/").content.decode()

    days = re.search(r"([0-9۰-۹]+) روز پیش", page)
    assert days is not None
    assert days[1].isascii() == (digits == "latin")


# --- the password ----------------------------------------------------------------------------


def test_a_changed_password_ends_all_other_sessions_and_is_the_one_that_counts(console: Client, olga: User) -> None:
    other, before = verified_client(olga), console.session.session_key
    TokenFamily.objects.create(user=olga, began_at=clock.now(), expires_at=clock.now() + timedelta(hours=8))

    answer = change(console)

    assert answer.headers["Location"] == "/profile/"
    assert console.session.session_key != before
    assert "Your password is changed" in console.get("/profile/").content.decode()
    assert other.get("/").status_code == 302
    assert TokenFamily.objects.get().ended_at is not None
    assert User.objects.get(pk=olga.pk).check_password(NEW)
    (event,) = events("password.changed")
    assert (event.actor, event.after) == (olga, {"sessions_ended": 1})
    assert NEW not in str(AuditEvent.objects.values())
    stranger = Client()
    assert stranger.post("/sign-in/", {"username": "olga", "password": scene.PASSWORD}).status_code == 422
    assert stranger.post("/sign-in/", {"username": "olga", "password": NEW}).status_code == 302


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("current_password", "not it", "Current password: this is not it."),
        ("again", "something else 12", "New password again: it is not the same."),
        ("otp_token", "12", "it has 6 digits"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(
    console: Client, olga: User, field: str, value: str, words: str
) -> None:
    answer = change(console, **{field: value})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert NEW not in page
    assert User.objects.get(pk=olga.pk).password == olga.password


@pytest.mark.parametrize("weak", ["short", "password12345", scene.PASSWORD])
def test_weak_and_unchanged_passwords_are_refused_before_a_code_is_spent(
    console: Client, olga: User, weak: str
) -> None:
    answer = change(console, new_password=weak, again=weak)

    assert answer.status_code == 422
    assert "New password:" in answer.content.decode()
    assert TotpDevice.objects.get(user=olga).last_step == -1
    assert User.objects.get(pk=olga.pk).password == olga.password


def test_a_code_works_once_here_too(console: Client, olga: User) -> None:
    token = code(scene.TOTP_KEY)
    change(console, otp_token=token)

    spent = {"current_password": NEW, "new_password": "yet another 4711 x", "again": "yet another 4711 x"}
    again = change(console, otp_token=token, **spent)

    assert again.status_code == 422
    assert "already used" in again.content.decode()


def test_guessing_the_current_password_in_a_stolen_session_is_locked_out(console: Client, olga: User) -> None:
    for _ in range(LIMITS[Scope.ADDRESS]):
        assert change(console, current_password="guess").status_code == 422

    answer = change(console)

    assert answer.status_code == 429
    assert "Nothing you enter is checked before" in answer.content.decode()
    assert User.objects.get(pk=olga.pk).password == olga.password


def test_the_database_lets_no_password_change_without_its_event(olga: User) -> None:
    with pytest.raises(Error, match="DC95"), transaction.atomic():
        User.objects.filter(pk=olga.pk).update(password="argon2$planted")
    assert User.objects.get(pk=olga.pk).password == olga.password


def test_an_event_of_an_earlier_change_does_not_cover_a_later_one(console: Client, olga: User) -> None:
    change(console)

    with pytest.raises(Error, match="DC95"), transaction.atomic():
        User.objects.filter(pk=olga.pk).update(password="argon2$planted")


# --- recovery codes --------------------------------------------------------------------------


def test_new_recovery_codes_take_a_fresh_code_and_are_shown_once(console: Client, olga: User) -> None:
    first = console.post("/profile/recovery-codes/", {"otp_token": code(scene.TOTP_KEY)})
    old = set(RecoveryCode.objects.values_list("hashed", flat=True))
    TotpDevice.objects.update(last_step=-1)
    second = console.post("/profile/recovery-codes/", {"otp_token": code(scene.TOTP_KEY)})

    shown = [
        re.findall(r"<li>((?:[A-Z2-9]{4}-){3}[A-Z2-9]{4})</li>", page.content.decode()) for page in (first, second)
    ]
    assert [len(codes) for codes in shown] == [10, 10]
    assert not set(shown[0]) & set(shown[1])
    assert second.headers["Cache-Control"] == "no-store"
    assert not old & set(RecoveryCode.objects.values_list("hashed", flat=True))
    assert "10 left" in console.get("/profile/").content.decode()
    assert len(events("device.recovery_codes_renewed")) == 2


def test_without_a_right_code_the_old_ones_stay(console: Client, olga: User) -> None:
    answer = console.post("/profile/recovery-codes/", {"otp_token": "000000"})

    assert answer.status_code == 422
    assert events("device.recovery_codes_renewed") == []


def test_everybody_of_the_desk_has_a_profile(db: None) -> None:
    for role in (Role.APPROVER, Role.ADMIN, Role.AUDITOR):
        assert verified_client(scene.person(role.value, role)).get("/profile/").status_code == 200


def test_what_was_done_is_said_once(console: Client) -> None:
    save(console, density="comfortable")

    page = console.get("/profile/").content.decode()
    assert page.count("Kept. Pages look like this") == 1
    assert "Kept. Pages" not in console.get("/profile/").content.decode()
