"""What the verification of the evidence looks at here: the flag is on only because two people turned it on."""

from collections.abc import Iterable

from settlement import autosettle
from users import verification
from users.verification.findings import Finding, Kind, found_by

FLAG_ON = """
with last as (
    select request.ref, request.closed_at from users_approvalrequest as request
    where request.act = 'flag.on' and request.subject_ref = %(flag)s and request.status = 'executed'
    order by request.closed_at desc limit 1
), turned as (
    select name, after ->> 'request' as ref from users_auditevent
    where name in ('flag.turned_on', 'flag.turned_off') order by id desc limit 1
)
select %(flag)s::text, 'is on without a request that two people carried'
from waffle_switch as switch left join last on true left join turned on true
where switch.name = %(flag)s and switch.active
    and (last.ref is null or turned.name is distinct from 'flag.turned_on' or turned.ref is distinct from last.ref)
"""


def check() -> Iterable[Finding]:
    """The switch against the requests and what was recorded last."""
    return found_by(Kind.UNRECONCILED, [FLAG_ON], {"flag": autosettle.FLAG})


def register() -> None:
    """Let every verification look at it."""
    verification.register(check)
