"""Proposals -> the nodes, ways and relations that draw them, with negative ids in a fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One feature that is proposed."""

    id: str
    """change_id."""
    label: str
    """One of groundplan.labels.LABELS."""
    tags: dict[str, str]
    """Tags of the object; ``type=multipolygon`` is added by the writers where it has holes."""
    polygon: Any
    """Valid outline in EPSG:4326 on OSM's grid, exterior counter-clockwise."""


def count_elements(polygons: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return how many nodes, ways and relations each polygon takes as the server counts them."""
    holes = shapely.get_num_interior_rings(polygons)
    # A node less than vertices in each ring, a way each, and a relation where there are several.
    return np.asarray(shapely.get_num_coordinates(polygons) + (holes > 0), np.int64)


class Way(NamedTuple):
    """A closed way; a tuple, because a frozen record takes three times as long to make."""

    id: int
    """Negative."""
    first: int
    """Id of its first node; the others count down from it."""
    n_nodes: int
    """Distinct nodes."""
    tags: dict[str, str]
    """Empty for the rings of a multipolygon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A multipolygon."""

    id: int
    """Negative."""
    members: tuple[tuple[int, str], ...]
    """Way ids and roles, the outer one first."""
    tags: dict[str, str]
    """With ``type=multipolygon``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """What one file creates."""

    lon: list[float]
    """Node -1 - i has the longitude at i, in degrees."""
    lat: list[float]
    """Latitudes, in degrees."""
    ways: tuple[Way, ...]
    """Ids -1, -2, ..."""
    relations: tuple[Relation, ...]
    """Ids -1, -2, ..."""
    main: tuple[str, ...]
    """Per proposal the element that carries its tags, as "way/-1"."""


def make_elements(proposals: Sequence[Proposal]) -> Elements:
    """Give ids to the elements of proposals, in their order.

    Placeholder ids are unique within each type, as the OSM API wants them, and start at -1 in every file.
    """
    polygons = np.array([each.polygon for each in proposals], dtype=object)
    # All rings at once: asking each polygon for its own takes longer than writing it.
    rings, owner = shapely.get_rings(polygons, return_index=True)
    sizes = shapely.get_num_coordinates(rings) - 1
    firsts = (-1 - np.cumsum(sizes) + sizes).tolist()
    n_rings = np.bincount(owner, minlength=len(proposals)).tolist()
    ways: list[Way] = []
    relations: list[Relation] = []
    main: list[str] = []
    nodes = sizes.tolist()
    for proposal, rings_of in zip(proposals, n_rings, strict=True):
        number = len(ways)
        if rings_of == 1:
            ways.append(Way(-number - 1, firsts[number], nodes[number], proposal.tags))
            main.append(f"way/{-number - 1}")
            continue
        ways += [Way(-k - 1, firsts[k], nodes[k], {}) for k in range(number, number + rings_of)]
        members = tuple((-k - 1, "inner" if k > number else "outer") for k in range(number, number + rings_of))
        tags = {**proposal.tags, "type": "multipolygon"}
        relations.append(Relation(id=-len(relations) - 1, members=members, tags=tags))
        main.append(f"relation/{relations[-1].id}")
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    # The last vertex of a ring repeats its first; adding zero turns -0.0, which prints with its sign, into 0.0.
    distinct = np.r_[ring[1:] == ring[:-1], False] if len(ring) else np.empty(0, bool)
    xy = xy[distinct] + 0.0
    return Elements(
        lon=xy[:, 0].tolist(),
        lat=xy[:, 1].tolist(),
        ways=tuple(ways),
        relations=tuple(relations),
        main=tuple(main),
    )


def node_refs(way: Way) -> range:
    """Return the ids of a way's nodes in order, without the closing one."""
    return range(way.first, way.first - way.n_nodes, -1)
