"""The acts on people that two decide: letting in and out, roles, accounts, second factors, the policies themselves."""

from users import acts
from users.own_acts.devices import ResetDevices
from users.own_acts.keys import IssueKey
from users.own_acts.moves import ApproveUser, ReactivateUser, RejectUser, ReopenUser
from users.own_acts.passwords import ResetPassword
from users.own_acts.policies import ChangePolicy
from users.own_acts.roles import GrantRole
from users.own_acts.scopes import WidenScope
from users.own_acts.second_factors import ChangeSecondFactor
from users.own_acts.telegram import RelinkTelegram

ACTS: tuple[type[acts.Act], ...] = (
    ApproveUser,
    RejectUser,
    ReopenUser,
    ReactivateUser,
    GrantRole,
    IssueKey,
    RelinkTelegram,
    ResetPassword,
    ResetDevices,
    WidenScope,
    ChangePolicy,
    ChangeSecondFactor,
)


def register() -> None:
    """Make them known."""
    for act in ACTS:
        acts.register(act())
