"""People of special kinds: a second login of the same person, and a service."""

from tests import factories
from trading.lib import clock
from users import operations
from users.models import User
from users.operations import NewUser


def twin_of(user: User, *roles: str) -> User:
    """Another login of the same person: pending, or active with these roles."""
    assert user.person is not None
    twin = User(username=factories.unique("twin"), person=user.person)
    twin.set_unusable_password()
    twin.save()
    if roles:
        factories.carry("user.approve", twin.ref, roles=list(roles))
    return User.objects.get(pk=twin.pk)


def service(*roles: str) -> User:
    """An active service."""
    new = NewUser(username=factories.unique("service"), full_name="", kind=User.Kind.SERVICE)
    made = operations.create_user(new=new, actor=None, now=clock.now())
    factories.founders()
    factories.carry("user.approve", made.ref, roles=list(roles or ["service"]))
    return User.objects.get(pk=made.pk)
