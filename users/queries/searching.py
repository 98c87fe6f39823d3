"""What a search across rooms finds of people, legal entities, requests and the log. One query each."""

from collections.abc import Iterator
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from trading.lib.hits import MOST, Hit, Source, is_ref
from users.models import ApiKey, ApprovalRequest, Counterparty, User
from users.queries.scopes import within, within_or_nobodys


def _counterparties(text: str, reader: User) -> Iterator[Hit]:
    rows = Counterparty.objects.filter(Q(name__icontains=text) | Q(ref__startswith=text.upper()))
    for row in rows.filter(within(reader, "pk")).order_by("name")[:MOST]:
        is_exact = text.upper() in {row.ref, row.name.upper()}
        yield Hit("users:counterparty", (row.ref,), row.name, f"{row.get_kind_display()} · {row.ref}", is_exact)


def _users(text: str, reader: User) -> Iterator[Hit]:
    named = Q(username__icontains=text) | Q(person__full_name__icontains=text) | Q(ref__startswith=text.upper())
    rows = _logins(reader).filter(named)
    for row in rows.select_related("person", "counterparty").order_by("username")[:MOST]:
        whose = (row.person, row.counterparty, row.ref)
        note = " · ".join(str(one) for one in whose if one)
        yield Hit("users:user", (row.ref,), row.username, note, text.upper() in {row.ref, row.username.upper()})


def _keys(text: str, reader: User) -> Iterator[Hit]:
    if not is_ref(text, "KEY"):
        return
    rows = ApiKey.objects.filter(ref__startswith=text.upper(), user__in=_logins(reader)).select_related("user")
    for row in rows.order_by("-pk")[:MOST]:
        yield Hit("users:user", (row.user.ref,), row.ref, row.user.username, row.ref == text.upper())


def _requests(text: str, reader: User) -> Iterator[Hit]:
    if not is_ref(text, "APR"):
        return
    rows = ApprovalRequest.objects.filter(within_or_nobodys(reader, "subject_counterparty"))
    for row in rows.filter(ref__startswith=text.upper()).order_by("-pk")[:MOST]:
        yield Hit("users:approval", (row.ref,), row.ref, row.subject_ref, row.ref == text.upper())


def _requests_of_log(text: str, _reader: User) -> Iterator[Hit]:
    """The id that an answer carried leads to what was recorded on its behalf; the log itself says who sees what."""
    if is_ref(text, "REQ"):
        yield Hit("users:audit", (), text.upper(), is_exact=True, query=urlencode({"q": text.upper()}))


def _logins(reader: User) -> QuerySet[User]:
    return User.objects.filter(within_or_nobodys(reader, "counterparty"))


SOURCES = (
    Source(_("Counterparties"), "user.view", _counterparties),
    Source(_("Users"), "user.view", _users),
    Source(_("API keys"), "user.view", _keys),
    Source(_("Approvals"), "approval.view", _requests),
    Source(_("Audit"), "audit.own", _requests_of_log),
)
