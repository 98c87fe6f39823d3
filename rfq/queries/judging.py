"""Whether LPs keep to what is asked of them: the numbers that pause one by themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

HUNDRED = Decimal(100)

# Of RFQs that are over: one that its client took back unanswered says nothing about the LP, nor does a quote that was
# refused for the desk's own reasons. What was before its pause ended, or its terms changed, is past.
JUDGED = """
    select lp.ref, lp.name, terms.pause_window, terms.minimum_response_percent, terms.maximum_reject_percent,
        judged.rfqs, judged.answered, judged.quotes, judged.rejected
    from rfq_lpterms terms
    join users_counterparty lp on lp.id = terms.lp_id
    cross join lateral (
        select count(*) as rfqs, count(*) filter (where quotes > 0) as answered,
            coalesce(sum(quotes), 0)::bigint as quotes, coalesce(sum(rejected), 0)::bigint as rejected
        from (
            select mine.* from rfq_invitation invitation
            join rfq_rfq rfq on rfq.id = invitation.rfq_id
            cross join lateral (
                select count(*) filter (where status <> 'rejected') as quotes,
                    count(*) filter (
                        where status = 'rejected' and refusal not in ('desk_paused', 'pair_paused', 'no_reference')
                    ) as rejected
                from rfq_quote where rfq_id = rfq.id and lp_id = terms.lp_id
            ) mine
            where invitation.lp_id = terms.lp_id
                and (rfq.status in ('filled', 'expired') or (rfq.status = 'cancelled' and mine.quotes > 0))
                and invitation.invited_at > coalesce((
                    select max(at) from users_auditevent
                    where subject_ref = lp.ref and name in ('lp.resumed', 'lp_terms.changed')
                ), '-infinity')
            order by invitation.invited_at desc, invitation.id desc
            limit terms.pause_window
        ) latest
    ) judged
    where terms.pause_window is not null and terms.paused_at is null and judged.rfqs >= terms.pause_window
    order by lp.id
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What an LP did with the last RFQs that its terms ask about, and what they ask. Rates are percent."""

    lp_ref: str
    name: str
    window: int
    minimum_response: int | None
    maximum_reject: int | None
    rfqs: int
    answered: int
    quotes: int
    rejected: int

    @property
    def failures(self) -> list[str]:
        """What it does not keep to, in words; nothing when all is well."""
        found = []
        if self.minimum_response is not None and self.answered * HUNDRED < self.minimum_response * self.rfqs:
            found.append(
                f"It answered {self.answered} of its last {self.rfqs} requests; "
                f"{self.minimum_response} % are asked for."
            )
        offers = self.quotes + self.rejected
        if self.maximum_reject is not None and self.rejected * HUNDRED > self.maximum_reject * offers:
            found.append(
                f"{self.rejected} of its {offers} quotes on its last {self.rfqs} requests were refused; "
                f"{self.maximum_reject} % may be."
            )
        return found


def failing() -> Iterator[Record]:
    """Find the LPs that quote and fail their terms, once as many RFQs are over as the terms ask about. One query."""
    with connection.cursor() as cursor:
        cursor.execute(JUDGED)
        records = [Record(*row) for row in cursor.fetchall()]
    return (record for record in records if record.failures)
