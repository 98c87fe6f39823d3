"""Reads about disputes. Each has a fixed number of queries."""

from dataclasses import dataclass, field

from django.db.models import Count, Q, QuerySet

from rfq.models import Dispute, DisputeAttachment, DisputeNote, Fill
from trading.lib.errors import NotFound
from users import capabilities
from users.models import Counterparty, User
from users.queries.scopes import not_serving, within

PAGE_SIZE = 50
HANDLE = "dispute.handle"
TABS = ("open", "mine", "resolved", "all")
# Whoever serves a trade's client serves its disputes, as with the RFQ and the settlement.
SCOPE = "fill__client"


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which disputes the list shows; it comes from the address of the page."""

    reader: User
    tab: str = TABS[0]
    kind: str = ""
    text: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of disputes, newest first, and where the older ones begin."""

    rows: list[Dispute]
    older: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Disputes that are not over: all, and those that the reader handles."""

    live: int
    mine: int

    def of(self, tab: str) -> int | None:
        """How many a tab holds; unknown where that is not worth a query."""
        return {"open": self.live, "mine": self.mine}.get(tab)


@dataclass(frozen=True, slots=True)
class Detail:
    """One dispute with its notes and files, oldest first. The files' content is not read."""

    dispute: Dispute
    notes: list[DisputeNote]
    files: list[DisputeAttachment] = field(default_factory=list)


def page(criteria: Criteria, *, size: int = PAGE_SIZE) -> Page:
    """Read one page of the disputes about trades of the clients the reader serves. One query."""
    found = matching(criteria).order_by("-pk")
    if criteria.before:
        found = found.filter(pk__lt=Dispute.objects.filter(ref=criteria.before).values("pk"))
    rows = list(found[: size + 1])
    return Page(rows[:size], rows[size - 1].ref if len(rows) > size else "")


def counts(reader: User) -> Counts:
    """Count the disputes that are not over, of the clients the reader serves. One query."""
    live = Dispute.objects.filter(within(reader, SCOPE), status__in=Dispute.LIVE)
    counted = live.aggregate(live=Count("pk"), mine=Count("pk", filter=Q(assigned_to=reader)))
    return Counts(counted["live"], counted["mine"])


def detail(ref: str, *, reader: User) -> Detail:
    """
    Read one dispute as the desk sees it. Three queries.

    :raises NotFound: there is none of that ref, or not for this reader.
    """
    dispute = served(reader).filter(ref=ref).first()
    if dispute is None:
        raise NotFound(ref=ref)
    return Detail(dispute, list(_notes(dispute)), files_of(dispute))


def files_of(dispute: Dispute) -> list[DisputeAttachment]:
    """The files of a dispute, oldest first, without their content. One query."""
    found = DisputeAttachment.objects.filter(dispute=dispute).select_related("sent_by")
    return list(found.defer("content").order_by("pk"))


def attachment(ref: str, number: int, *, reader: User) -> DisputeAttachment:
    """
    Read one file of a dispute that the reader serves, content and all. One query.

    :raises NotFound: there is none, or not for this reader.
    """
    scope = within(reader, f"dispute__{SCOPE}")
    found = DisputeAttachment.objects.filter(scope, dispute__ref=ref, pk=number).select_related("dispute").first()
    if found is None:
        raise NotFound(ref=ref)
    return found


def own_attachments(reader: User) -> QuerySet[DisputeAttachment]:
    """The files of the disputes of the reader's party."""
    found = DisputeAttachment.objects.filter(dispute__party=reader.counterparty_id, dispute__party__isnull=False)
    return found.select_related("dispute")


def of_party(party: Counterparty) -> QuerySet[Dispute]:
    """A party's own disputes. One query."""
    return whole().filter(party=party)


def served(reader: User) -> QuerySet[Dispute]:
    """The disputes about trades of the clients the reader serves. One query."""
    return whole().filter(within(reader, SCOPE))


def own(ref: str, *, party: Counterparty) -> Detail:
    """
    Read one of a party's own disputes, without what is internal. Two queries.

    :raises NotFound: there is none of that ref, or it is somebody else's.
    """
    dispute = of_party(party).filter(ref=ref).first()
    if dispute is None:
        raise NotFound(ref=ref)
    return Detail(dispute, list(_notes(dispute).filter(is_internal=False)))


def of_fill(fill: Fill | None) -> list[Dispute]:
    """List the disputes about a trade, oldest first. One query, none without a trade."""
    return list(Dispute.objects.filter(fill=fill).select_related("party").order_by("pk")) if fill else []


def fill_of(ref: str, *, reader: User) -> Fill:
    """
    Read the trade that is to be disputed, as the desk sees it. One query.

    :raises NotFound: there is none of that ref, or not for this reader.
    """
    found = Fill.objects.select_related("client", "lp", "rfq__pair__quote_asset", "quote", "settlement")
    fill = found.filter(within(reader, "client"), ref=ref).first()
    if fill is None:
        raise NotFound(ref=ref)
    return fill


def handlers(fill: Fill) -> list[User]:
    """Who may handle a dispute about this trade: by their roles and scope, and without a part in it. Two queries."""
    roles = capabilities.roles_with(HANDLE)
    able = User.objects.filter(
        counterparty=None,
        kind=User.Kind.HUMAN,
        status=User.Status.ACTIVE,
        role_grants__role__in=roles,
        role_grants__revoked_at=None,
    )
    found = able.exclude(person__users__in=participants(fill)).select_related("person").distinct().order_by("username")
    people = list(found)
    outside = not_serving(people, fill.client_id)
    return [user for user in people if user.pk not in outside]


def took_part(user: User, fill: Fill) -> bool:
    """Whether this person, under whatever login, asked, quoted, accepted or entered the trade. One query."""
    return User.objects.filter(pk__in=participants(fill), person=user.person_id, person__isnull=False).exists()


def participants(fill: Fill) -> set[int]:
    """The logins that took part in a trade. No query where RFQ and quote are read along."""
    rfq, quote = fill.rfq, fill.quote
    part = {fill.accepted_by_id, rfq.requested_by_id, rfq.entered_by_id, quote.quoted_by_id, quote.entered_by_id}
    return {pk for pk in part if pk is not None}


def whole() -> QuerySet[Dispute]:
    """The disputes with all that a page or a message about one shows."""
    trade = ("fill__client", "fill__lp", "fill__rfq__pair__quote_asset", "fill__quote", "fill__settlement__reversal")
    return Dispute.objects.select_related("party", "opened_by", "assigned_to", *trade)


def _notes(dispute: Dispute) -> QuerySet[DisputeNote]:
    return DisputeNote.objects.filter(dispute=dispute).select_related("author").order_by("pk")


def matching(criteria: Criteria) -> QuerySet[Dispute]:
    """The disputes that the list's filters let through, of the clients the reader serves."""
    found = Dispute.objects.filter(within(criteria.reader, SCOPE))
    found = found.select_related("party", "assigned_to", "fill__rfq__pair")
    if criteria.tab in {"open", "mine"}:
        found = found.filter(status__in=Dispute.LIVE)
    if criteria.tab == "mine":
        found = found.filter(assigned_to=criteria.reader)
    if criteria.tab == "resolved":
        found = found.filter(status=Dispute.Status.RESOLVED)
    if criteria.kind:
        found = found.filter(kind=criteria.kind)
    if text := criteria.text.strip():
        parties = Counterparty.objects.filter(name__icontains=text).values("pk")
        ref = text.upper()
        refs = Q(ref__startswith=ref) | Q(fill__ref__startswith=ref) | Q(fill__rfq__ref__startswith=ref)
        found = found.filter(refs | Q(party__in=parties))
    return found
