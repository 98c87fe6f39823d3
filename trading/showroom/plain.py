"""Parts that every page is made of."""

from collections.abc import Iterator
from decimal import Decimal

from django.http import QueryDict
from django.urls import reverse

from alerting.forms import SilenceForm
from rfq.queries import Bucket
from trading.lib.hits import Hit
from trading.lib.looks import LOOKS
from trading.showroom.facts import HASH, REASON, Facts, Sample, like, usdt
from users.errors import AlreadyDecided, Superseded
from users.forms import (
    ApproveUserForm,
    CheckForm,
    DecisionForm,
    PasswordForm,
    PreferencesForm,
    ReasonForm,
)
from users.models import OnboardingCheck, Role

NOTHING_TYPED = QueryDict("")
TONES = ("ok", "info", "bad")


def samples(facts: Facts) -> Iterator[Sample]:
    """All of them."""
    yield from _chips(facts)
    yield from _lists(facts)
    yield from _forms(facts)
    yield from _deciding(facts)
    yield from _notes(facts)
    yield from _figures(facts)


def _chips(facts: Facts) -> Iterator[Sample]:
    for machine, looks in LOOKS.items():
        for status in looks:
            yield facts.one("state_chip", f"{machine} {status}", machine=machine, status=status)
    for side in ("buy", "sell"):
        yield facts.one("side", side, side=side)
    yield facts.one("hash", value=HASH, of="TRF-7KQ2M4TX")
    yield facts.one("hash", "short already", value="sim1hot", of="TRF-7KQ2M4TX")
    for value in ("0", "0.01"):
        yield facts.one("zero", value, value=Decimal(value), places=2)


def _lists(facts: Facts) -> Iterator[Sample]:
    yield facts.one("empty", text="Nothing here.")
    yield facts.one("empty", "filtered", text="Nothing here.", clear_url="/rfqs/")
    yield facts.one("pager", "one page", count=1)
    yield facts.one("pager", "in the middle", count=50, older_url="/rfqs/?before=x", newest_url="/rfqs/")
    yield facts.one("onward", "one page", count=7)
    yield facts.one("onward", "in the middle", count=50, more_url="/ledger/?after=x", first_url="/ledger/")
    labels = (("", "All", None, True), ("live", "Live", 3, False))
    tabs = [like(key=key, label=label, count=count, current=now, url="/rfqs/") for key, label, count, now in labels]
    yield facts.one("tabs", tabs=tabs, label="State")
    row = like(url="/rfqs/?side=buy", filter=like(pk=1, name="Buys", query="side=buy"), title="RFQ blotter")
    tools = {"page": "rfq:list", "query": "", "rows": [], "here": "/rfqs/", "may_export": False}
    filtered = tools | {"query": "side=buy", "rows": [row], "may_export": True}
    yield facts.one("saved_filters", "none", saved=tools)
    yield facts.one("saved_filters", "the present one is saved", saved=filtered)
    yield facts.one("list_tools", "who takes nothing away", tools=tools)
    yield facts.one("list_tools", "with a copy", tools=filtered)
    yield facts.one("profile_filters", "none", filters=[])
    row.filter.created_at = facts.ago(days=2)
    yield facts.one("profile_filters", filters=[row])
    found = [Hit("rfq:list", (), "RFQ-7KQ2M4TX", "Pars Export Co. · USDT/EUR"), Hit("rfq:list", (), "RFQ-8TR3N5VY")]
    yield facts.one("hits", section=like(title="RFQs", hits=found), number=1)


def _forms(facts: Facts) -> Iterator[Sample]:
    form, wrong = PasswordForm(), PasswordForm(NOTHING_TYPED)
    wrong.full_clean()
    yield facts.one("field", field=form["username"])
    yield facts.one("field", "wrong", field=wrong["username"])
    yield facts.one("form_fields", form=PreferencesForm(user=facts.reader))
    yield facts.one("error_summary", "nothing wrong", form=form, title="Not done")
    yield facts.one("error_summary", "two are wrong", form=wrong, title="Not done")
    group = ApproveUserForm(roles=list(Role)[:3], candidates=[])
    yield facts.one("group_field", field=group["roles"])
    refused = ApproveUserForm(NOTHING_TYPED, roles=list(Role)[:3], candidates=[])
    refused.full_clean()
    yield facts.one("group_field", "wrong", field=refused["roles"])
    lines = [like(field="Roles", now="—", after="Operations")]
    words = {"title": "Approve user", "action": "/users/", "lines": lines}
    yield facts.one("proposal_form", form=ApproveUserForm(roles=list(Role)[:3], candidates=[]), **words)
    yield facts.one("proposal_form", "wrong", form=refused, **words)
    stop = {"title": "Suspend", "button": "Suspend", "effect": "All sessions end at once.", "action": "/users/"}
    bad = ReasonForm(QueryDict("reason=so"))
    bad.full_clean()
    yield facts.one("stop_form", form=ReasonForm(), **stop)
    yield facts.one("stop_form", "wrong", form=bad, **stop)
    yield facts.one("step_form", form=ReasonForm(), title="Arrived", effect="The bank says so.", action="/withdrawals/")
    quiet = SilenceForm(severity="warning", reader=facts.reader, now=facts.now)
    words = {"action": "/alerts/", "legend": "Silence this alert", "effect": "Nobody is told of it."}
    yield facts.one("silence_form", form=quiet, **words)
    yield facts.one("start_over")
    challenge = reverse("users:passkey-challenge")
    yield facts.one("use_passkey", "beside a code", challenge=challenge, scope="", binds=True, then="")
    yield facts.one("use_passkey", "alone", challenge=challenge, scope="", then="submit", no_code=True)


def _deciding(facts: Facts) -> Iterator[Sample]:
    request, digest = facts.request, "9fb29aac" * 8
    form, wrong = DecisionForm(), DecisionForm(QueryDict(f"digest={digest}&reason=so"))
    form.initial["digest"] = digest
    wrong.full_clean()
    told = {"ref": request.ref, "tab": "waiting", "is_off": False}
    yield facts.one("decision_form", form=form, **told)
    yield facts.one("decision_form", "wrong", form=wrong, **told)
    yield facts.one("decision_form", "off", form=wrong, **told | {"is_off": True})
    said = like(decided_by=facts.tara, verdict="approve", decided_at=facts.ago(minutes=1), reason=REASON)
    decided = AlreadyDecided(ref=request.ref, status="Executed", who="tara", at="2026-11-26 12:00:00 UTC")
    changed = Superseded(ref=request.ref, who="olga", at="2026-11-26 12:00:00 UTC")
    yield facts.one("conflict", "already decided", conflict=decided, last=said, has_form=True)
    yield facts.one("conflict", "superseded", conflict=changed, last=None, has_form=False)
    lines = [like(field="Mark-up (bps)", now="20", after="25"), like(field="Maximum", now="—", after="1,000")]
    yield facts.one("diff", "open", lines=lines, is_over=False)
    yield facts.one("diff", "over", lines=lines, is_over=True)
    yield facts.one("differences", lines=lines)
    looked = [like(tone=tone, word=tone, what="Eligible to decide:", seen="tara", at=facts.now) for tone in TONES]
    yield facts.one("checks", checks=looked)
    over = like(
        **{
            **vars(request),
            "ref": "APR-8TR3N5VY",
            "status": "declined",
            "closed_at": facts.now,
            "closed_by": facts.tara,
        }
    )
    usual = {"is_off": False, "form": None, "is_mine": False, "refusal": ""}
    aside = {"tab": "waiting", "actor": facts.olga}
    for state, panel in (
        ("to decide", usual | {"form": form, "detail": like(request=request)}),
        ("mine", usual | {"is_mine": True, "detail": like(request=request)}),
        ("refused", usual | {"refusal": "This is about you.", "detail": like(request=request)}),
        ("over", usual | {"detail": like(request=over)}),
    ):
        yield facts.one("approval_aside", state, panel=like(**panel), **aside)
    yield facts.one("approval_history", request=request, decisions=[said], events=_events(facts))
    yield facts.one("approvals_table", rows=[request, over], ref=request.ref, tab="open", actor=facts.tara)
    yield facts.one("open_requests", requests=[request])
    checks = [OnboardingCheck.Kind(kind) for kind in list(OnboardingCheck.Kind)[:2]]
    standing = [like(state="missing", kind=checks[0], check=None), like(state="missing", kind=checks[1], check=None)]
    card = like(standing=standing, history=[], form=CheckForm(kinds=checks))
    yield facts.one("onboarding", card=card, action="/users/")


def _events(facts: Facts) -> list[object]:
    event = like(
        pk=1, name="rfq.created", actor_name="tara", subject_ref="RFQ-7KQ2M4TX", at=facts.ago(minutes=5),
        request_id="REQ-7KQ2M4TX", reason=REASON, capability="rfq.request", subject_type="rfq",
        secondary_approver=facts.olga, address="192.0.2.7",
    )  # fmt: skip
    return [event]


def _notes(facts: Facts) -> Iterator[Sample]:
    for level in ("success", "warning"):
        yield facts.one("outcome", level, outcome=[like(level=level, text="RFQ-7KQ2M4TX: done.")])
    yield facts.one("pause_note", "by somebody", by=facts.olga, at=facts.ago(hours=1), reason=REASON)
    yield facts.one("pause_note", "by itself", by=None, at=facts.ago(hours=1), reason=REASON)
    broken = like(
        name="audit.broken",
        at=facts.now,
        pk=1,
        after={"number_of_findings": 2, "findings": ["anchor: seal 3 is missing"]},
    )
    yield facts.one("evidence", "broken", verification=broken, is_reader=True)
    yield facts.one("timeline", events=_events(facts), ref="RFQ-8TR3N5VY")
    yield facts.one("timeline", "nothing", events=[], ref="")
    event = _events(facts)[0]
    yield facts.one("audit_event", event=event, changes=[("status", "open", "filled")])
    yield facts.one("audit_table", rows=[event], event=event, query="")
    step = {"title": "Open a pair", "text": "A currency against USDT."}
    steps = [like(is_done=True, url="", **step), like(is_done=False, url="/pairs/new/", **step)]
    yield facts.one("first_steps", steps=[*steps, like(is_done=False, url="", **step)], done=1)


def _figures(facts: Facts) -> Iterator[Sample]:
    for tone, value in (("", Decimal(12)), ("warn", Decimal(1)), ("bad", None)):
        figure = like(
            key=tone or "usual", label="Live RFQs", url="/rfqs/", value=value, note="note", tone=tone, places=0, unit=""
        )
        yield facts.one("figure", tone or "usual", figure=figure)
    buckets = [Bucket(facts.ago(hours=2), usdt("1250.5"), Decimal("2.5")), Bucket(facts.ago(hours=1), usdt("0"), None)]
    yield facts.one("day_table", buckets=buckets)
    lines = [like(name=state or "neither", state=state, value="7", at=facts.now) for state in ("ok", "warn", "bad", "")]
    yield facts.one("health_table", lines=lines)
