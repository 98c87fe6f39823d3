"""The notification log over REST: read by those who see the pages, sent again by those who may."""

from tests import factories
from tests.alerting.mail import freeze, mailed, server, work
from tests.api.conftest import Caller
from tests.fakes.mail import MailServer

__all__ = ["server"]


def test_list_read_and_send_again(db: None, server: MailServer) -> None:
    olga = mailed(factories.user("ops"), "olga@desk.example")
    server.will_say("DATA", "554 5.7.1 looks like spam")
    event = freeze(factories.counterparty("client"))
    work()
    caller = Caller(olga)

    (row,) = caller.get("notifications", state="dead").json()["items"]
    assert (row["channel"], row["reader"], row["place"]) == ("mail", olga.username, "olga@desk.example")
    assert (row["event"], row["subject"], row["error"]) == (event.name, event.subject_ref, "554 5.7.1 looks like spam")
    assert event.reason in caller.get(f"notifications/{row['ref']}").json()["text"]
    assert caller.get("notifications", state="waiting").json() == {"items": [], "next": None}
    assert caller.get("notifications", state="none").status_code == 400

    again = caller.post(f"notifications/{row['ref']}/resend")
    assert (again.status_code, again.json()["state"]) == (200, "waiting")
    assert caller.post(f"notifications/{row['ref']}/resend").json()["code"] == "not_given_up"
    work()
    assert len(server.letters) == 1


def test_others_are_refused(db: None) -> None:
    auditor, trader = Caller(factories.user("auditor")), Caller(factories.user("trader"))

    assert auditor.get("notifications").status_code == 200
    assert auditor.post("notifications/MSG-0001/resend").json()["code"] == "missing_capability"
    assert trader.get("notifications").status_code in {401, 403}
    assert auditor.get("notifications/MSG-0001").json()["code"] == "not_found"
