"""The acts on the market that two decide: terms, hours, pairs, LPs' caps, the end of a pause, a trade taken back."""

from rfq.own_acts.desk import ResumeDesk
from rfq.own_acts.hours import ChangeHours
from rfq.own_acts.lps import ChangeLpTerms, ResumeLp
from rfq.own_acts.pairs import ChangePair, OpenPair, ResumePair
from rfq.own_acts.reversing import ReverseFill
from rfq.own_acts.terms import ChangeTerms, UnfreezeClient
from users import acts

ACTS: tuple[type[acts.Act], ...] = (
    ChangeTerms,
    ChangeHours,
    UnfreezeClient,
    ChangeLpTerms,
    ResumeLp,
    OpenPair,
    ChangePair,
    ResumePair,
    ResumeDesk,
    ReverseFill,
)


def register() -> None:
    """Make them known."""
    for act in ACTS:
        acts.register(act())
