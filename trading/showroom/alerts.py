"""Alerts, rules, silences, what was said."""

from collections.abc import Iterator
from datetime import timedelta

from trading.showroom.facts import REASON, Facts, Sample, like
from users.models import Role

TITLE = "A wallet has less than its minimum"


def samples(facts: Facts) -> Iterator[Sample]:
    """All of them."""
    rule = like(
        version=2, get_severity_display="Warning", for_seconds=60, notices=3, window_seconds=600, owners=[Role.OPS],
        escalate_seconds=900, made_at=facts.ago(days=9),
    )  # fmt: skip
    fires = like(
        ref="ALT-7KQ2M4TX", type="wallet_low", subject="hot-1", counterparty=None, severity="critical", status="firing",
        opened_at=facts.ago(minutes=9), fired_at=facts.ago(minutes=8), acknowledged_by=None, acknowledged_at=None,
        escalate_at=facts.now + timedelta(minutes=5), resolved_at=None, rule=rule,
    )  # fmt: skip
    seen = like(
        **vars(fires)
        | {"ref": "ALT-8TR3N5VY", "status": "acknowledged", "severity": "warning", "acknowledged_by": facts.olga,
           "acknowledged_at": facts.now, "escalate_at": None, "counterparty": facts.client}
    )  # fmt: skip
    over = like(
        **vars(seen)
        | {"ref": "ALT-9WS4P6XZ", "status": "resolved", "severity": "info", "subject": "", "resolved_at": facts.now}
    )
    about = [("Free", "1.000000"), ("Seen", facts.ago(minutes=1))]
    yield facts.one("alerts_table", rows=[(one, TITLE, about) for one in (fires, seen, over)])
    for one in (fires, seen, over):
        yield facts.one("alert_facts", one.status, alert=one, facts=about)
        yield facts.one("alert_acknowledge", one.status, alert=one)
    yield facts.one("firing", "nothing", alerts=[], firing=0)
    yield facts.one("firing", alerts=[(fires, TITLE), (seen, TITLE)], firing=2)
    yield facts.one("rule_terms", rule=rule, thresholds=[("Minimum", 100_000)])
    notices = [
        like(get_kind_display="It fired", is_held=held, held_back=back, roles=roles, at=facts.now)
        for held, back, roles in ((False, 0, [Role.OPS]), (True, 0, []), (False, 3, [Role.OPS, Role.ADMIN]))
    ]
    yield facts.one("notices_table", notices=notices)
    yield facts.one("notices_table", "none", notices=[])
    silence = like(
        ref="SIL-7KQ2M4TX", type="wallet_low", fingerprint="", reason=REASON, made_by=facts.olga, ended_at=None,
        ended_by=None, ends_at=facts.now + timedelta(hours=1),
    )  # fmt: skip
    ended = like(
        **vars(silence) | {"ref": "SIL-8TR3N5VY", "fingerprint": "hot-1", "ended_at": facts.now, "ended_by": facts.tara}
    )
    yield facts.one("silences_table", "running", rows=[(silence, TITLE)], may_end=True)
    yield facts.one("silences_table", "over", rows=[(ended, TITLE)], may_end=False)
    said = like(
        ref="MSG-0001", user=facts.tara, event=like(name="rfq.created", subject_ref="RFQ-7KQ2M4TX"), status="sent",
        get_method_display="Message", channel=like(label="Telegram"), attempts=1, created_at=facts.now,
    )  # fmt: skip
    to_nobody = like(**vars(said) | {"ref": "MSG-0002", "user": None, "event": None, "status": "failed"})
    yield facts.one("notifications_table", rows=[said, to_nobody])
