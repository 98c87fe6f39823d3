"""Time zones by the names people give them."""

from functools import cache
from zoneinfo import available_timezones

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Invalid

SHOWN = 5


class UnknownZone(Invalid):
    """No zone of the IANA database is called so."""

    code = "unknown_time_zone"
    text = _("I know no time zone “{written}”. Write it like Europe/Berlin, or the name of a large city.")


class ManyZones(Invalid):
    """Several zones are called so."""

    code = "many_time_zones"
    text = _("“{written}” could be {zones}. Write one of them whole.")


def named(written: str) -> str:
    """
    Find the IANA zone that somebody names, whole or by its city, in any case: ``europe/berlin``, ``new york``.

    :raises UnknownZone: there is none.
    :raises ManyZones: there are several.
    """
    wanted = "_".join(written.split()).casefold()
    whole, cities = _names()
    if wanted in whole:
        return whole[wanted]
    found = cities.get(wanted, [])
    if not found:
        raise UnknownZone(written=written[:40])
    if len(found) > 1:
        raise ManyZones(written=written[:40], zones=", ".join(found[:SHOWN]))
    return found[0]


@cache
def _names() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Zones by their whole names, and by their cities."""
    zones = sorted(available_timezones())
    cities: dict[str, list[str]] = {}
    for zone in zones:
        continent, _slash, city = zone.rpartition("/")
        if continent and continent.partition("/")[0] not in {"Etc", "SystemV", "US", "posix", "right"}:
            cities.setdefault(city.casefold(), []).append(zone)
    return {zone.casefold(): zone for zone in zones}, cities
