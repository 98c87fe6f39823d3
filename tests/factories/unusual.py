"""People of special kinds: a second login of the same person."""

from tests import factories
from users.models import User


def twin_of(user: User, *roles: str) -> User:
    """Another login of the same person: pending, or active with these roles."""
    assert user.person is not None
    twin = User(username=factories.unique("twin"), person=user.person)
    twin.set_unusable_password()
    twin.save()
    factories.check(twin)
    if roles:
        factories.carry("user.approve", twin.ref, roles=list(roles))
    return User.objects.get(pk=twin.pk)
