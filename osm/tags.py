"""A label -> the tags proposed and the sizes believed; an element's tags -> its family and its role."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from groundplan.labels import FIELD_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """What one label means in OSM."""

    tags: tuple[tuple[str, str], ...]
    """Tags proposed, and no others."""
    sports: frozenset[str]
    """Values of ``sport`` that are the same family seen from above; empty for buildings."""
    min_area_m2: float
    """Smallest area accepted as new."""
    max_area_m2: float
    """Largest area accepted as new."""
    min_rectangularity: float
    """Least area over the area of the smallest rotated rectangle."""


# Sizes: field dimensions and four small extracts; tags and families: the OSM wiki and the iD presets.
RULES: Final[dict[str, LabelRule]] = {
    "building": LabelRule(
        tags=(("building", "yes"),),
        sports=frozenset(),
        min_area_m2=15,
        max_area_m2=50_000,
        min_rectangularity=0.25,
    ),
    "tennis_court": LabelRule(
        tags=(("leisure", "pitch"), ("sport", "tennis")),
        sports=frozenset({"tennis"}),
        min_area_m2=190,
        max_area_m2=900,
        min_rectangularity=0.75,
    ),
    "basketball_court": LabelRule(
        tags=(("leisure", "pitch"), ("sport", "basketball")),
        sports=frozenset({"basketball", "streetball", "multi"}),
        min_area_m2=90,
        max_area_m2=1_000,
        min_rectangularity=0.75,
    ),
    "baseball_diamond": LabelRule(
        tags=(("leisure", "pitch"), ("sport", "baseball")),
        sports=frozenset({"baseball", "softball"}),
        min_area_m2=800,
        max_area_m2=20_000,
        min_rectangularity=0.5,
    ),
    "soccer_field": LabelRule(
        tags=(("leisure", "pitch"), ("sport", "soccer")),
        sports=frozenset({"soccer", "football", "multi", "futsal"}),
        min_area_m2=300,
        max_area_m2=12_000,
        min_rectangularity=0.75,
    ),
    "american_football_field": LabelRule(
        tags=(("leisure", "pitch"), ("sport", "american_football")),
        sports=frozenset({"american_football", "football", "canadian_football"}),
        min_area_m2=3_500,
        max_area_m2=12_000,
        min_rectangularity=0.75,
    ),
    "running_track": LabelRule(
        tags=(("leisure", "track"), ("sport", "athletics")),
        sports=frozenset({"athletics", "running"}),
        min_area_m2=3_000,
        max_area_m2=25_000,
        min_rectangularity=0.15,
    ),
}
"""By label; a track's area is that of its outline, without the hole."""

GONE_PREFIXES: Final = ("demolished", "removed", "razed", "destroyed", "was")
"""Lifecycle prefixes of what mappers have taken away on purpose."""

IDLE_PREFIXES: Final = ("disused", "abandoned", "ruins", "construction", "proposed")
"""Lifecycle prefixes of what still stands, or does not stand yet, and is mapped as such."""

LIFECYCLE_KEYS: Final = {
    f"{prefix}:{key}": (prefix, key)
    for prefix in (*GONE_PREFIXES, *IDLE_PREFIXES)
    for key in ("building", "leisure")
}

ROADS: Final = frozenset(
    {
        "motorway",
        "motorway_link",
        "trunk",
        "trunk_link",
        "primary",
        "primary_link",
        "secondary",
        "secondary_link",
        "tertiary",
        "tertiary_link",
        "unclassified",
        "residential",
        "living_street",
        "service",
        "road",
        "track",
        "busway",
        "pedestrian",
        "raceway",
    }
)
"""Values of ``highway`` that do not run through buildings or over pitches; footways and lesser ones do."""

RAILS: Final = frozenset(
    {
        "rail",
        "light_rail",
        "tram",
        "narrow_gauge",
        "subway",
        "monorail",
        "funicular",
        "preserved",
        "disused",
    }
)

WATERWAYS: Final = frozenset(["river", "stream", "canal", "drain", "ditch"])

KEYS: Final = (
    "building",
    "leisure",
    "building:part",
    "highway",
    "railway",
    "waterway",
    "natural",
    *LIFECYCLE_KEYS,
)
"""Elements without any of these keys never matter here."""

Get: TypeAlias = Callable[[str], str | None]
"""Returns the value of a key, or None."""


def proposed_tags(label: str, *, track_tags: str = "athletics", ring: bool = False) -> dict[str, str]:
    """Return the tags proposed for a label, sorted by key.

    Parameters
    ----------
    label : str
        One of `groundplan.labels.LABELS`.
    track_tags : str
        Value of ``sport`` on a running track.
    ring : bool
        The outline has holes, so it becomes a multipolygon and needs no ``area=yes``.

    Examples
    --------
    >>> proposed_tags("soccer_field")
    {'leisure': 'pitch', 'sport': 'soccer'}
    >>> proposed_tags("running_track")
    {'area': 'yes', 'leisure': 'track', 'sport': 'athletics'}
    """
    tags = dict(RULES[label].tags)
    if label == "running_track":
        tags["sport"] = track_tags
        if not ring:
            tags["area"] = "yes"
    return dict(sorted(tags.items()))


def sports_of(value: str | None) -> frozenset[str]:
    """Return the single sports of a ``sport`` value such as ``"soccer; tennis"``."""
    return frozenset(part.strip() for part in value.split(";") if part.strip()) if value else frozenset()


def families(leisure: str | None, sport: str | None) -> tuple[str, ...]:
    """Return the field labels that an element with these tags may be, in the order of the labels.

    Examples
    --------
    >>> families("pitch", "american_football;soccer")
    ('soccer_field', 'american_football_field')
    >>> families("pitch", None)
    ()
    """
    sports = sports_of(sport)
    wanted = {"pitch": FIELD_LABELS[:-1], "track": FIELD_LABELS[-1:]}.get(leisure or "", ())
    return tuple(label for label in wanted if sports & RULES[label].sports)


def lifecycle_labels(key: str, get: Get) -> tuple[str, ...]:
    """Return the labels that a lifecycle-prefixed key stands for; empty when it is none of ours.

    ``disused:leisure=pitch`` without a sport may have been any pitch, so it stands for all of them.
    """
    prefix, plain = LIFECYCLE_KEYS[key]
    value = get(key)
    if value is None or value == "no":
        return ()
    if plain == "building":
        return ("building",)
    sport = get("sport") or get(f"{prefix}:sport")
    if sport is None:
        return {"pitch": FIELD_LABELS[:-1], "track": FIELD_LABELS[-1:]}.get(value, ())
    return families(value, sport)


def blocks(get: Get) -> tuple[str, str] | None:
    """Return the key and value by which a *way* is a road, rail or waterway on the ground, or None."""
    for key, values in (("highway", ROADS), ("railway", RAILS), ("waterway", WATERWAYS)):
        value = get(key)
        if value in values:
            above = get("tunnel") or get("bridge") or get("covered")
            if (above and above != "no") or (get("layer") or "0") != "0" or get("area") == "yes":
                return None
            return key, str(value)
    return None


def deprecated_notes(tags: dict[str, str]) -> list[str]:
    """Return notes for the mapper on tags of an existing element that are ambiguous; nothing is changed."""
    notes = []
    sports = sports_of(tags.get("sport"))
    for sport in sorted(sports & {"football", "hockey", "team_handball"}):
        notes.append(f"osm_sport_{sport}_ambiguous")
    return notes
