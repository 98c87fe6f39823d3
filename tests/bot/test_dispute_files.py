"""A party sends files to its dispute: fetched by a job, kept once, refused in words, read by the desk alone."""

import hashlib

import pytest
from procrastinate.contrib.django import app

from rfq import operations as rfq_operations
from rfq.models import Dispute, DisputeAttachment, DisputeNote
from rfq.papers import dispute_files
from settlement.models import Settlement
from tests import factories
from tests.bot.scene import LEO, NAVID, TARA, Json, Scene, buttons, token_of
from tests.sandbox.test_people_files import picture
from trading.lib import clock
from trading.lib.errors import NotFound
from users.capabilities import MissingCapability
from users.models import AuditEvent

PDF = b"%PDF-1.7\nthe confirmation"
MB = 1024 * 1024
WORDS = "The confirmation is attached, see the price."


@pytest.fixture
def dispute(scene: Scene) -> Dispute:
    """Tara disputes a trade with leo. It is settled, so that no receipt comes in between."""
    fill = factories.fill(scene.market)
    made = factories.dispute(fill, by=scene.market.tara)
    scene.until(lambda: Settlement.objects.get(fill=fill).status == Settlement.Status.SETTLED, seconds=60)
    scene.work()
    for chat_id in (TARA, NAVID, LEO):
        scene.look(chat_id)
    return made


def send(scene: Scene, who: int, name: str, content: bytes, caption: str, *, photo: bool = False) -> list[str]:
    scene.look(who)
    scene.client.send_file(who, name, content, caption=caption, photo=photo)
    scene.turn()
    return [message["text"] for message in scene.look(who)]


def test_a_document_with_the_caption_is_kept_whole_and_told(scene: Scene, dispute: Dispute) -> None:
    olga = factories.user("ops")
    factories.assigned(dispute, olga)
    scene.work()
    fetching, kept = send(scene, TARA, "../تأیید.pdf.exe", PDF, f"/dispute {dispute.ref.lower()}")

    file = DisputeAttachment.objects.get()
    assert "Fetching" in fetching
    assert "Kept for the desk: تأیید_pdf.pdf" in kept
    assert (bytes(file.content), file.sha256) == (PDF, hashlib.sha256(PDF).hexdigest())
    assert (file.media_type, file.size, file.sent_by) == ("application/pdf", len(PDF), scene.market.tara)
    event = AuditEvent.objects.get(name="dispute.attached")
    assert (event.subject_ref, event.actor, event.after["sha256"]) == (dispute.ref, scene.market.tara, file.sha256)
    assert not DisputeNote.objects.exists()


def test_a_photo_comes_in_its_largest_size_and_other_words_become_a_note(scene: Scene, dispute: Dispute) -> None:
    content = picture("JPEG")
    send(scene, TARA, "photo.jpg", content, f"/dispute {dispute.ref} {WORDS}", photo=True)

    file = DisputeAttachment.objects.get()
    assert (bytes(file.content), file.media_type, file.name) == (content, "image/jpeg", "photo.jpg")
    assert DisputeNote.objects.get().text == WORDS


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", picture(), "image/png"),
        ("a.pdf", b"plain words", "text/plain"),
        ("prices.csv", b"at,price\n1,0.92\n", "text/csv"),
    ],
)
def test_the_kind_is_told_by_the_content(scene: Scene, dispute: Dispute, name: str, content: bytes, kind: str) -> None:
    send(scene, TARA, name, content, f"/dispute {dispute.ref}")

    assert DisputeAttachment.objects.get().media_type == kind


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"%PDF-" + b"x" * (10 * MB), "", "too big"),
        (b"MZ\x90\x00\x03 a program", "attachment_of_wrong_kind", "this file is none of them"),
        (b"\xff\xfe\x00", "attachment_of_wrong_kind", "this file is none of them"),
    ],
    ids=["too big", "program", "no text"],
)
def test_what_is_not_kept_is_refused_in_words(
    scene: Scene, dispute: Dispute, content: bytes, code: str, words: str
) -> None:
    said = send(scene, TARA, "confirmation.pdf", content, f"/dispute {dispute.ref}")

    assert words in said[-1]
    assert not DisputeAttachment.objects.exists()
    refused = AuditEvent.objects.filter(name="dispute.attachment_refused").values_list("after__code", flat=True)
    assert list(refused) == ([code] if code else [])


def test_a_dispute_has_at_most_ten_files(scene: Scene, dispute: Dispute) -> None:
    for number in range(10):
        factories.attached(dispute, scene.market.tara, f"file {number}".encode())

    (said,) = [text for text in send(scene, TARA, "a.pdf", PDF, f"/dispute {dispute.ref}") if "most" in text]
    assert "10 files" in said
    assert DisputeAttachment.objects.count() == 10


def test_another_party_cannot_add_to_it(scene: Scene, dispute: Dispute) -> None:
    said = send(scene, LEO, "a.pdf", PDF, f"/dispute {dispute.ref}")

    assert "not yours to see" in said[-1]
    assert not DisputeAttachment.objects.exists()


def test_what_is_over_takes_no_file(scene: Scene, dispute: Dispute) -> None:
    factories.withdrawn(dispute, scene.market.tara)

    assert "is over" in send(scene, TARA, "a.pdf", PDF, f"/dispute {dispute.ref}")[-1]


def test_a_job_that_runs_twice_keeps_one_file_and_tells_once(scene: Scene, dispute: Dispute) -> None:
    sent = scene.client.send_file(TARA, "a.pdf", PDF, caption=f"/dispute {dispute.ref}")
    scene.turn()
    key = DisputeAttachment.objects.get().idempotency_key
    app.configure_task("alerting.fetch_attachment").defer(
        dispute_ref=dispute.ref,
        actor_id=scene.market.tara.pk,
        file_id=sent["document"]["file_id"],
        file_name="a.pdf",
        key=key,
    )
    scene.work()

    assert DisputeAttachment.objects.count() == 1
    assert AuditEvent.objects.filter(name="dispute.attached").count() == 1


def test_telegram_away_for_a_moment_loses_nothing(scene: Scene, dispute: Dispute) -> None:
    scene.client.fault("error", status=500, method="getFile", times=1)
    send(scene, TARA, "a.pdf", PDF, f"/dispute {dispute.ref}")
    scene.until(DisputeAttachment.objects.exists, seconds=15)


def test_a_file_without_a_command_is_not_fetched(scene: Scene, dispute: Dispute) -> None:
    send(scene, TARA, "a.pdf", PDF, "")

    assert "getFile" not in [call["method"] for call in scene.client.state()["calls"]]


# --- passed on, and answered ------------------------------------------------------------------


def kept(scene: Scene, dispute: Dispute, content: bytes, name: str = "a.pdf") -> DisputeAttachment:
    """Tara's file, of which everybody has heard."""
    made = factories.attached(dispute, scene.market.tara, content, name=name)
    scene.work()
    for chat_id in (TARA, NAVID, LEO):
        scene.look(chat_id)
    return made


def about(messages: list[Json], dispute: Dispute) -> Json:
    """The one that tells of the dispute; a receipt of the trade may come at any time."""
    (found,) = [message for message in messages if dispute.ref in message.get("text", "")]
    return found


def paper_of(messages: list[Json]) -> Json:
    """The file among them."""
    (found,) = [message for message in messages if "document" in message]
    return found


def forward(scene: Scene, caption: str = "") -> Json:
    """Leo wrote to the bot with a file; Tara passes that on. Gives her message."""
    original = scene.client.send_file(LEO, "confirmation.pdf", PDF, caption=caption)
    scene.turn()
    scene.look(TARA)
    passed_on = scene.client.forward(TARA, original["message_id"], source=LEO)
    scene.turn()
    return passed_on


def test_a_file_that_was_passed_on_does_nothing_by_itself_and_says_how_to_add_it(
    scene: Scene, dispute: Dispute
) -> None:
    forward(scene, caption=f"/dispute {dispute.ref}")

    told = scene.look(TARA)[-1]
    assert "What somebody passed on is no order of yours" in told["text"]
    assert "/dispute DSP-…" in told["text"]
    assert not DisputeAttachment.objects.exists()


def test_answered_with_the_command_it_is_kept_and_whose_it_was_is_evidence(scene: Scene, dispute: Dispute) -> None:
    olga = factories.user("ops")
    factories.assigned(dispute, olga)
    passed_on = forward(scene)
    scene.look(TARA)
    told = scene.answer(TARA, passed_on, f"/dispute {dispute.ref} {WORDS}")

    file = DisputeAttachment.objects.get()
    assert (bytes(file.content), file.sent_by) == (PDF, scene.market.tara)
    assert file.forwarded_from.startswith(f"Leo ({LEO}), 20")
    assert file.forwarded_from.endswith(" UTC")
    event = AuditEvent.objects.get(name="dispute.attached")
    assert (event.actor, event.after["forwarded_from"]) == (scene.market.tara, file.forwarded_from)
    assert DisputeNote.objects.get().text == WORDS
    assert any(f"Passed on from {file.forwarded_from}" in message["text"] for message in told)


def test_ones_own_file_is_added_by_an_answer_as_well_and_comes_from_nobody_else(scene: Scene, dispute: Dispute) -> None:
    sent = scene.client.send_file(TARA, "a.pdf", PDF)
    scene.turn()
    assert "I did nothing with this file." in scene.look(TARA)[-1]["text"]
    scene.answer(TARA, sent, f"/dispute {dispute.ref}")

    assert DisputeAttachment.objects.get().forwarded_from == ""
    assert "forwarded_from" not in AuditEvent.objects.get(name="dispute.attached").after


def test_a_file_of_the_bot_is_not_the_senders(scene: Scene, dispute: Dispute) -> None:
    file = kept(scene, dispute, PDF)
    card = about(scene.say(TARA, f"/dispute {dispute.ref}"), dispute)
    paper = paper_of(scene.press(TARA, card, file.name))
    assert paper["document"]["file_name"] == file.name
    scene.answer(TARA, paper, f"/dispute {dispute.ref}")

    assert DisputeAttachment.objects.count() == 1


# --- listed and fetched again -----------------------------------------------------------------


def test_the_card_lists_ones_files_and_gives_each_again(scene: Scene, dispute: Dispute) -> None:
    first = kept(scene, dispute, PDF, "confirmation.pdf")
    kept(scene, dispute, b"at,price\n1,0.92\n", "prices.csv")
    listed = about(scene.say(TARA, "/dispute"), dispute)
    card = about(scene.press(TARA, listed, dispute.ref), dispute)

    assert f"confirmation.pdf · {len(PDF)}\xa0bytes · " in card["text"]
    assert "prices.csv · 16\xa0bytes · " in card["text"]
    assert buttons(card) == ["confirmation.pdf", "prices.csv"]
    paper = paper_of(scene.press(TARA, card, "confirmation.pdf"))
    assert (paper["document"]["file_name"], paper["document"]["file_size"]) == ("confirmation.pdf", len(PDF))
    event = AuditEvent.objects.get(name="dispute.attachment_read")
    assert (event.actor, event.after["file"]) == (scene.market.tara, first.pk)


def test_colleagues_see_them_and_nobody_else_does(scene: Scene, dispute: Dispute) -> None:
    file = kept(scene, dispute, PDF, "confirmation.pdf")
    mine = about(scene.say(TARA, f"/dispute {dispute.ref}"), dispute)
    colleagues = about(scene.say(NAVID, f"/dispute {dispute.ref}"), dispute)
    others = scene.say(LEO, f"/dispute {dispute.ref}")[-1]

    assert buttons(colleagues) == ["confirmation.pdf"]
    assert "not yours to see" in others["text"]
    assert "does not work here" in scene.forge(LEO, others, token_of(mine, "confirmation.pdf"))
    with pytest.raises(NotFound):
        dispute_files.make(scene.market.leo.pk, dispute_files.wanted(dispute.ref, file.pk))
    with pytest.raises(NotFound):
        rfq_operations.read_own_attachment(
            dispute_ref=dispute.ref, number=file.pk, actor=scene.market.leo, now=clock.now()
        )
    with pytest.raises(MissingCapability):
        rfq_operations.read_own_attachment(
            dispute_ref=dispute.ref, number=file.pk, actor=factories.user("ops"), now=clock.now()
        )
    assert not AuditEvent.objects.filter(name="dispute.attachment_read").exists()


def test_what_is_over_shows_how_it_ended_and_gives_its_files(scene: Scene, dispute: Dispute) -> None:
    kept(scene, dispute, PDF, "confirmation.pdf")
    olga = factories.user("ops")
    factories.resolved(factories.assigned(dispute, olga), olga, text="The price was wrong, the difference is paid.")
    scene.work()
    card = about(scene.say(TARA, f"/dispute {dispute.ref}"), dispute)

    assert "Upheld" in card["text"]
    assert "the difference is paid" in card["text"]
    assert "To add a file" not in card["text"]
    assert paper_of(scene.press(TARA, card, "confirmation.pdf"))["document"]["file_size"] == len(PDF)
