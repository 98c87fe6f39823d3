"""A document is made when it is delivered, and every try of a delivery sends the same one."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import translation

from alerting import operations
from alerting.models import OutboundMessage
from tests.bot.scene import TARA, Scene
from trading.lib import clock, documents
from trading.lib.documents import Maker, Paper, Wanted
from trading.lib.errors import NotFound

type Register = Callable[[Maker], None]


@pytest.fixture
def maker() -> Iterator[Register]:
    yield lambda made: documents.register("note", made)
    documents._makers.pop("note", None)


def queue(scene: Scene, *, key: str = "paper", caption: str = "") -> None:
    tara = scene.market.tara
    message = OutboundMessage(key=key, chat_id=TARA, user=tara, method=OutboundMessage.Method.DOCUMENT)
    message.payload = Wanted("note", "N-1", {"tone": "kind"}, caption).stored()
    operations.queue_messages(messages=[message], now=clock.now())


def test_paper_is_made_from_its_name_at_delivery_and_arrives_as_a_file(scene: Scene, maker: Register) -> None:
    made: list[tuple[int, Wanted]] = []

    def make(reader_id: int, wanted: Wanted) -> Paper:
        made.append((reader_id, wanted))
        return Paper("note.csv", documents.CSV, b"a,b\r\n")

    maker(make)
    queue(scene, caption="A <b>note</b>")
    scene.work()

    assert made == [(scene.market.tara.pk, Wanted("note", "N-1", {"tone": "kind"}, "A <b>note</b>"))]
    message = scene.screen(TARA)[-1]
    assert message["document"]["file_name"] == "note.csv"
    assert message["document"]["file_size"] == 5
    assert message["caption"] == "A note"
    assert OutboundMessage.objects.get(key="paper").status == "sent"


def test_paper_that_cannot_be_had_any_more_is_answered_in_words(scene: Scene, maker: Register) -> None:
    def refuse(_reader_id: int, _wanted: Wanted) -> Paper:
        raise NotFound

    maker(refuse)
    queue(scene)
    scene.work()

    with translation.override("en"):
        assert scene.screen(TARA)[-1]["text"] == NotFound().sentence
    assert OutboundMessage.objects.get(key="paper").status == "sent"


@pytest.mark.parametrize(("kind", "status"), [("error", 500), ("drop", 0)])
def test_delivery_that_fails_is_tried_again_with_the_same_bytes(
    scene: Scene, maker: Register, kind: str, status: int
) -> None:
    sent: list[bytes] = []

    def make(reader_id: int, wanted: Wanted) -> Paper:
        sent.append(f"{reader_id}{wanted}".encode())
        return Paper("note.pdf", documents.PDF, sent[-1])

    maker(make)
    scene.client.fault(kind, method="sendDocument", chat_id=TARA, **({"status": status} if status else {}))
    queue(scene)
    scene.until(lambda: OutboundMessage.objects.get(key="paper").status == "sent")

    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_paper_that_nobody_makes_fails_and_lets_the_next_message_pass(scene: Scene) -> None:
    queue(scene)
    later = OutboundMessage(key="later", chat_id=TARA, method=OutboundMessage.Method.SEND, payload={"text": "fine"})
    operations.queue_messages(messages=[later], now=clock.now())
    scene.work()

    assert OutboundMessage.objects.get(key="paper").status == "failed"
    assert scene.screen(TARA)[-1]["text"] == "fine"


def test_blocked_chat_takes_no_paper(scene: Scene, maker: Register) -> None:
    maker(lambda _reader_id, _wanted: Paper("note.csv", documents.CSV, b"a"))
    scene.client.block(TARA)
    queue(scene)
    scene.work()

    assert OutboundMessage.objects.get(key="paper").status == "unreachable"
