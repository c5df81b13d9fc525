"""Proposals -> the nodes, ways and relations that draw them, with negative ids in a fixed order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

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


Ring: TypeAlias = list[tuple[float, float]]
"""Distinct vertices of a ring in order, each longitude and latitude in degrees."""


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

    nodes: Ring
    """Node -1 - i lies at i."""
    ways: tuple[Way, ...]
    """Ids -1, -2, ..."""
    relations: tuple[Relation, ...]
    """Ids -1, -2, ..."""
    main: tuple[str, ...]
    """Per proposal the element that carries its tags, as "way/-1"."""


def make_elements(proposals: Sequence[Proposal]) -> Elements:
    """Give ids to the elements of proposals that are written into one file, in their order.

    Placeholder ids are unique within each type, as the OSM API wants them, and start at -1 in every file.
    """
    return _numbered(proposals, _rings(proposals))


def make_elements_apart(proposals: Sequence[Proposal]) -> Iterator[Elements]:
    """Give ids to the elements of proposals that are written into a file each; see `make_elements`."""
    for proposal, rings in zip(proposals, _rings(proposals), strict=True):
        yield _numbered([proposal], [rings])


def _rings(proposals: Sequence[Proposal]) -> list[list[Ring]]:
    """Return the rings of each outline, the outer one first."""
    polygons = np.array([each.polygon for each in proposals], dtype=object)
    # All rings at once: asking each polygon for its own takes longer than writing it.
    rings, owner = shapely.get_rings(shapely.orient_polygons(polygons, exterior_cw=False), return_index=True)
    # Adding zero turns -0.0, which prints with its sign, into 0.0.
    xy = shapely.get_coordinates(rings) + 0.0
    vertices = list(zip(*xy.T.tolist(), strict=True))
    found: list[list[Ring]] = [[] for _ in proposals]
    start = 0
    for place, count in zip(owner.tolist(), shapely.get_num_coordinates(rings).tolist(), strict=True):
        found[place].append(vertices[start : start + count - 1])
        start += count
    return found


def _numbered(proposals: Sequence[Proposal], outlines: Sequence[Sequence[Ring]]) -> Elements:
    nodes: Ring = []
    ways: list[Way] = []
    relations: list[Relation] = []
    main: list[str] = []
    for proposal, rings in zip(proposals, outlines, strict=True):
        plain = len(rings) == 1
        first = len(ways)
        for ring in rings:
            ways.append(Way(-len(ways) - 1, -len(nodes) - 1, len(ring), proposal.tags if plain else {}))
            nodes += ring
        if plain:
            main.append(f"way/{-first - 1}")
            continue
        members = tuple((way.id, "inner" if place else "outer") for place, way in enumerate(ways[first:]))
        tags = {**proposal.tags, "type": "multipolygon"}
        relations.append(Relation(id=-len(relations) - 1, members=members, tags=tags))
        main.append(f"relation/{relations[-1].id}")
    return Elements(nodes=nodes, ways=tuple(ways), relations=tuple(relations), main=tuple(main))


def node_refs(way: Way) -> range:
    """Return the ids of a way's nodes in order, without the closing one."""
    return range(way.first, way.first - way.n_nodes, -1)


def closed_ring(elements: Elements, way: Way) -> Ring:
    """Return the vertices of a way, the first one again at the end."""
    start = -way.first - 1
    return [*elements.nodes[start : start + way.n_nodes], elements.nodes[start]]
