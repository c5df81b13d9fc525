"""CHANGES -> the texts of all proposal files, and where each change is proposed."""

import json
from collections.abc import Mapping

import geopandas as gpd
import numpy as np

from groundplan.records import Imagery
from osm.batches import make_batches
from osm.changeset import changeset_tags
from osm.elements import Proposal
from osm.josm import josm_text
from osm.maproulette import MAX_TASKS, Task, maproulette_text
from osm.options import DiffOptions
from osm.osmchange import osmchange_text
from osm.outline import fits_osm


def proposal_texts(
    changes: gpd.GeoDataFrame, *, imagery: Imagery, options: DiffOptions
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Write the proposals of a comparison.

    Parameters
    ----------
    changes : GeoDataFrame
        CHANGES in EPSG:4326.
    imagery : Imagery
        Its licence has been checked by the caller.
    options : DiffOptions

    Returns
    -------
    tuple of mapping
        Relative path to text (``proposals/001.osc``, ``.osm``, ``.changeset.json``, ``maproulette.geojsonl``), and
        change_id to the element that proposes it, as ``001.osc#way/-1``.
    """
    usable = changes[changes["status"].isin(("new", "review")) & fits_osm(changes.geometry.to_numpy())]
    proposals = {
        row.change_id: Proposal(id=row.change_id, label=row.label, tags=row.tags, polygon=row.geometry)
        for row in usable.itertuples()
    }
    chosen = [proposals[name] for name in usable["change_id"][_chosen(usable, options)]]
    texts: dict[str, str] = {}
    places: dict[str, str] = {}
    for number, batch in enumerate(make_batches(chosen, options=options), start=1):
        name = f"{number:03d}"
        suggested = changeset_tags(batch, imagery=imagery, plan_url=options.changeset_url)
        text, elements = osmchange_text(batch)
        texts[f"proposals/{name}.osc"] = text
        texts[f"proposals/{name}.osm"] = josm_text(batch, changeset_tags=suggested)
        texts[f"proposals/{name}.changeset.json"] = json.dumps(suggested, indent=2, ensure_ascii=False) + "\n"
        places |= {each.id: f"{name}.osc#{element}" for each, element in zip(batch, elements, strict=True)}
    tasks = [
        Task(
            proposal=proposals[row.change_id],
            status=row.status,
            reasons=tuple(row.reasons),
            notes=tuple(row.qa),
            score=float(row.score),
            osm=tuple(f"{each['type']}/{each['id']}" for each in row.osm),
            imagery=imagery,
        )
        for row in usable.itertuples()
    ]
    # A challenge holds 50,000 tasks; the next ones go into files of their own.
    for start in range(0, max(len(tasks), 1), MAX_TASKS):
        name = "maproulette.geojsonl" if start == 0 else f"proposals/maproulette-{start // MAX_TASKS + 1}.geojsonl"
        texts[name] = maproulette_text(tasks[start : start + MAX_TASKS])
    return texts, places


def _chosen(usable: gpd.GeoDataFrame, options: DiffOptions) -> np.ndarray:
    accepted = (usable["review"] == "accepted").to_numpy()
    if options.propose == "accepted" or (options.propose == "auto" and accepted.any()):
        return accepted
    return (usable["status"] == "new").to_numpy()
