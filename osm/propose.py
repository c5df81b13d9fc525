"""A comparison -> its proposal files and MapRoulette tasks in a folder, and where each feature is proposed."""

import json
from pathlib import Path
from typing import Self, TextIO

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.records import Imagery
from osm.batches import make_batches
from osm.changeset import changeset_tags
from osm.compare import Comparison
from osm.elements import Proposal, count_elements, make_elements
from osm.josm import josm_text
from osm.maproulette import MAX_TASKS, Task, maproulette_text
from osm.osmchange import osmchange_text
from osm.outline import fits_osm
from osm.tags import proposed_tags


def write_proposals(found: Comparison, folder: Path, *, imagery: Imagery) -> tuple[NDArray[np.object_], int]:
    """Write ``proposals/001.osc``, ``.osm`` and ``.changeset.json``, and so on, batch by batch.

    Parameters
    ----------
    found : Comparison
    folder : Path
        That of the run, or one that becomes it.
    imagery : Imagery
        Its licence has been checked by the caller.

    Returns
    -------
    tuple of ndarray of str, shape (N,), and int
        Per feature the element that proposes it, as ``001.osc#way/-1``, or ""; and the number of batches.
    """
    index = _chosen(found)
    bounds, sizes = np.empty((len(index), 4)), np.empty(len(index), np.int64)
    start = 0
    for part, lon_lat in found.decided.outlines(index):
        here = slice(start, start + len(part))
        bounds[here], sizes[here] = shapely.bounds(lon_lat), count_elements(lon_lat)
        start += len(part)
    places = np.full(len(found.ids), "", dtype=object)
    batches = make_batches(bounds, sizes, options=found.options)
    for number, group in enumerate(batches, start=1):
        name = f"{number:03d}"
        batch = _proposals(found, index[group])
        suggested = changeset_tags(batch, imagery=imagery, plan_url=found.options.changeset_url)
        elements = make_elements(batch)
        texts = {
            ".osc": osmchange_text(elements),
            ".osm": josm_text(elements, changeset_tags=suggested),
            ".changeset.json": json.dumps(suggested, indent=2, ensure_ascii=False) + "\n",
        }
        for suffix, text in texts.items():
            with _proposal_file(folder, f"{name}{suffix}") as stream:
                stream.write(text)
        places[index[group]] = [f"{name}.osc#{element}" for element in elements.main]
    return places, len(batches)


def _chosen(found: Comparison) -> NDArray[np.int64]:
    """Return the positions of what is to be proposed, in the order of change_id."""
    decided, how = found.decided, found.options.propose
    accepted = _fitting(found, decided.is_open & np.isin(decided.memory, ("accepted", "done")))
    if how == "accepted" or (how == "auto" and len(accepted)):
        return accepted
    return _fitting(found, decided.status == "new")


def _proposals(found: Comparison, index: NDArray[np.int64]) -> list[Proposal]:
    polygons = shapely.from_wkb(found.decided.lon_lat[index])
    rings = (shapely.get_num_interior_rings(polygons) > 0).tolist()
    labels = found.features["label"].iloc[index].to_list()
    return [
        Proposal(
            id=name,
            label=label,
            tags=proposed_tags(label, track_tags=found.options.track_tags, ring=ring),
            polygon=polygon,
        )
        for name, label, ring, polygon in zip(found.ids[index], labels, rings, polygons, strict=True)
    ]


def _fitting(found: Comparison, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return positions in the order of change_id, without outlines that OSM cannot hold."""
    pieces = found.decided.outlines(found.order[wanted[found.order]])
    return np.concatenate([np.empty(0, np.int64), *(part[fits_osm(lon_lat)] for part, lon_lat in pieces)])


def _proposal_file(folder: Path, name: str) -> TextIO:
    (folder / "proposals").mkdir(exist_ok=True)
    return (folder / "proposals" / name).open("w", encoding="utf-8", newline="\n")


class TaskFiles:
    """Pieces of CHANGES -> maproulette.geojsonl with a task for each that waits for a person.

    A challenge holds 50,000 tasks; the next ones go into files of their own, ``proposals/maproulette-2.geojsonl``
    and on.

    Parameters
    ----------
    folder : Path
    imagery : Imagery
    """

    def __init__(self, folder: Path, *, imagery: Imagery) -> None:
        self._folder, self._imagery = folder, imagery
        self._n_written = 0

    def __enter__(self) -> Self:
        self._stream = self._next_file()
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def write(self, frame: gpd.GeoDataFrame) -> None:
        """Append the tasks of a frame."""
        usable = frame[frame["status"].isin(("new", "review")).to_numpy() & fits_osm(frame.geometry.to_numpy())]
        tasks = [
            Task(
                proposal=Proposal(id=row.change_id, label=row.label, tags=row.tags, polygon=row.geometry),
                status=row.status,
                reasons=tuple(row.reasons),
                notes=tuple(row.qa),
                score=float(row.score),
                osm=tuple(f"{each['type']}/{each['id']}" for each in row.osm),
                imagery=self._imagery,
            )
            for row in usable.itertuples()
        ]
        while tasks:
            room = MAX_TASKS - self._n_written % MAX_TASKS
            if self._n_written and room == MAX_TASKS:
                self._stream.close()
                self._stream = self._next_file()
            self._stream.write(maproulette_text(tasks[:room]))
            self._n_written += len(tasks[:room])
            tasks = tasks[room:]

    def _next_file(self) -> TextIO:
        number = self._n_written // MAX_TASKS + 1
        if number > 1:
            return _proposal_file(self._folder, f"maproulette-{number}.geojsonl")
        return (self._folder / "maproulette.geojsonl").open("w", encoding="utf-8", newline="\n")
