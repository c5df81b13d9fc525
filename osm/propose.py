"""A comparison -> its proposal files and MapRoulette tasks in a folder, and where each feature is proposed."""

import json
from pathlib import Path
from typing import TextIO

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.records import Imagery
from osm.batches import make_batches
from osm.changeset import changeset_tags
from osm.compare import Comparison
from osm.elements import Proposal, count_elements
from osm.josm import josm_text
from osm.maproulette import MAX_TASKS, Task, maproulette_text
from osm.osmchange import osmchange_text
from osm.outline import fits_osm


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
    fits = np.empty(len(index), bool)
    start = 0
    for part, lon_lat in found.decided.outlines(index):
        here = slice(start, start + len(part))
        bounds[here], sizes[here], fits[here] = shapely.bounds(lon_lat), count_elements(lon_lat), fits_osm(lon_lat)
        start += len(part)
    index, bounds, sizes = index[fits], bounds[fits], sizes[fits]
    places = np.full(len(found.ids), "", dtype=object)
    batches = make_batches(bounds, sizes, options=found.options)
    (folder / "proposals").mkdir(parents=True, exist_ok=True)
    for number, group in enumerate(batches, start=1):
        name = f"{number:03d}"
        batch = [
            Proposal(id=row.change_id, label=row.label, tags=row.tags, polygon=row.geometry)
            for row in found.rows(index[group]).itertuples()
        ]
        suggested = changeset_tags(batch, imagery=imagery, plan_url=found.options.changeset_url)
        change, elements = osmchange_text(batch)
        texts = {
            ".osc": change,
            ".osm": josm_text(batch, changeset_tags=suggested),
            ".changeset.json": json.dumps(suggested, indent=2, ensure_ascii=False) + "\n",
        }
        for suffix, text in texts.items():
            (folder / "proposals" / f"{name}{suffix}").write_text(text, encoding="utf-8", newline="\n")
        places[index[group]] = [f"{name}.osc#{element}" for element in elements]
    return places, len(batches)


def _chosen(found: Comparison) -> NDArray[np.int64]:
    """Return the positions of what is to be proposed, in the order of change_id."""
    decided, how = found.decided, found.options.propose
    accepted = decided.is_open & np.isin(decided.memory, ("accepted", "done"))
    if how == "accepted" or (how == "auto" and accepted.any()):
        return found.order[accepted[found.order]]
    return found.order[(decided.status == "new")[found.order]]


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
        self._stream = self._file(1)

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
                self._stream = self._file(self._n_written // MAX_TASKS + 1)
            self._stream.write(maproulette_text(tasks[:room]))
            self._n_written += len(tasks[:room])
            tasks = tasks[room:]

    def close(self) -> None:
        """End the last file."""
        self._stream.close()

    def _file(self, number: int) -> TextIO:
        name = "maproulette.geojsonl" if number == 1 else f"proposals/maproulette-{number}.geojsonl"
        return (self._folder / name).open("w", encoding="utf-8", newline="\n")
