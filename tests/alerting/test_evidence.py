"""Evidence that is not whole is told to everybody of the desk who can be written to, and to nobody else."""

from alerting.evaluating import evaluate
from tests import factories
from tests.bot.scene import STRANGER, TARA, Scene, link
from trading.lib import clock
from users import operations
from users.models import User
from users.verification import Finding, Kind, Report

AMIR = STRANGER
FINDING = Finding(Kind.CHAIN, "seal 7", "has lost 1 of its events: 41 <b>")


def started(scene: Scene, user: User) -> None:
    """The user has opened the bot, so that it may write there."""
    scene.say(AMIR, "/start")
    link(user, AMIR)


def verified(*findings: Finding) -> None:
    """The nightly verification's record, and a look at it."""
    operations.record_verification(report=Report(findings=list(findings)), anchored=None, now=clock.now())
    evaluate(now=clock.now(), only={"audit_chain_broken"})


def test_the_desks_people_hear_of_it_and_its_clients_do_not(scene: Scene) -> None:
    started(scene, factories.user("auditor", language="fa"))

    verified(FINDING, FINDING)
    scene.work()

    (told,) = scene.look(AMIR)
    assert told["text"].startswith("🔴 شواهد کامل نیست")
    assert "chain: seal 7 has lost 1 of its events: 41 <b>" in told["text"]
    assert scene.look(TARA) == []


def test_whole_evidence_is_no_news(scene: Scene) -> None:
    started(scene, factories.user("ops"))

    verified()
    scene.work()

    assert scene.look(AMIR) == []
