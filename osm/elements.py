"""Proposals -> the nodes, ways and relations that draw them, with negative ids in a fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely


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

    @property
    def n_elements(self) -> int:
        """How many nodes, ways and relations it takes."""
        holes = len(self.polygon.interiors)
        return int(shapely.get_num_coordinates(self.polygon)) + (holes + 1 if holes else 0) - holes


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A closed way."""

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
    ways: list[Way] = []
    relations: list[Relation] = []
    main: list[str] = []
    places = []
    n_nodes = 0
    for proposal in proposals:
        rings = [proposal.polygon.exterior, *proposal.polygon.interiors]
        simple = len(rings) == 1
        members: list[tuple[int, str]] = []
        for ring in rings:
            xy = shapely.get_coordinates(ring)[:-1]
            way = Way(
                id=-len(ways) - 1,
                first=-n_nodes - 1,
                n_nodes=len(xy),
                tags=proposal.tags if simple else {},
            )
            members.append((way.id, "inner" if members else "outer"))
            ways.append(way)
            places.append(xy)
            n_nodes += len(xy)
        if simple:
            main.append(f"way/{ways[-1].id}")
            continue
        tags = {**proposal.tags, "type": "multipolygon"}
        relations.append(Relation(id=-len(relations) - 1, members=tuple(members), tags=tags))
        main.append(f"relation/{relations[-1].id}")
    # Adding zero turns -0.0, which prints with its sign, into 0.0.
    xy = np.concatenate(places) + 0.0 if places else np.empty((0, 2))
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
