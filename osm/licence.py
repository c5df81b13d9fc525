"""Where the imagery comes from -> whether shapes traced from it may be proposed to OpenStreetMap."""

import re
from typing import Final

from groundplan.errors import LicenceError
from groundplan.records import Imagery

ALLOWED: Final = frozenset(
    {"cc0", "cc010", "cc01", "cczero", "pddl", "pddl10", "publicdomain", "pd", "cc0publicdomain", "cc0universal"}
    | {"publicdomaindedication", "uspublicdomain", "publicdomainus", "pdus", "usgovernmentwork", "uspd"}
)
"""Spellings of licences that leave no right to ask about, without punctuation and case."""


def check_licence(imagery: Imagery | None) -> None:
    """Refuse imagery from which nothing may be proposed.

    CC0-1.0, PDDL and public domain need nothing more. Any other licence, named, needs the user's word that
    tracing for OpenStreetMap is permitted (``osm_permitted = true``).

    Raises
    ------
    LicenceError
        Nothing is known of the imagery, its licence is not named or not on the list, or tracing is not permitted.
    """
    needed = "CC0-1.0, PDDL and public domain need no permission, others need osm_permitted = true"
    if imagery is None:
        raise LicenceError(f"no proposals: nothing is known of the imagery; give its id and licence ({needed})")
    if not imagery.id.strip():
        raise LicenceError("no proposals: the imagery has no id; name it as OSM editors know it")
    if not imagery.licence.strip():
        raise LicenceError(f"no proposals: imagery {imagery.id!r} has no licence; name it ({needed})")
    if imagery.osm_permitted is False:
        raise LicenceError(
            f"no proposals: imagery {imagery.id!r} is marked osm_permitted = false; use imagery that may be traced"
        )
    if imagery.osm_permitted is None and _plain(imagery.licence) not in ALLOWED:
        raise LicenceError(
            f"no proposals: licence {imagery.licence!r} of imagery {imagery.id!r} is not on the list; set "
            "osm_permitted = true if its owner permits tracing for OpenStreetMap (CC0-1.0, PDDL and public domain "
            "need no permission)"
        )


def _plain(licence: str) -> str:
    return re.sub(r"[^a-z0-9]", "", licence.lower())
