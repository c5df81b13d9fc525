"""Fifty thousand proposals -> seconds to write osmChange, beside osmium.SimpleWriter, as JSON."""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import osmium
import shapely
from _table import write_row

from osm.elements import Proposal, make_elements
from osm.osmchange import osmchange_text

TAGS = {"leisure": "pitch", "sport": "tennis"}


def courts(n: int) -> list[Proposal]:
    """Return `n` four-cornered pitches."""
    at = np.arange(n)
    west, south = 9.0 + at % 250 * 1e-3, 47.0 + at // 250 * 1e-3
    shapes = shapely.box(west, south, west + 3e-4, south + 2e-4)
    return [
        Proposal(id=f"p-{k}", label="tennis_court", tags=TAGS, polygon=shape) for k, shape in enumerate(shapes)
    ]


def by_template(proposals: list[Proposal], path: Path) -> None:
    """Write them as groundplan does."""
    path.write_text(osmchange_text(make_elements(proposals)), encoding="utf-8")


def by_osmium(proposals: list[Proposal], path: Path) -> None:
    """Write them with pyosmium."""
    make = osmium.osm.mutable
    node = 0
    ways = []
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for proposal in proposals:
            refs = []
            for xy in proposal.polygon.exterior.coords[:-1]:
                node -= 1
                refs.append(node)
                writer.add_node(make.Node(id=node, version=1, location=xy))
            ways.append([*refs, refs[0]])
        for number, refs in enumerate(ways, start=1):
            writer.add_way(make.Way(id=-number, version=1, nodes=refs, tags=TAGS))


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    proposals = courts(options.count)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for write, seconds in ((by_template, ours), (by_osmium, theirs)):
                start = time.perf_counter()
                write(proposals, Path(folder) / f"{write.__name__}.osc")
                seconds.append(time.perf_counter() - start)
    one, other = statistics.median(ours), statistics.median(theirs)
    figures = {
        "proposals": options.count,
        "seconds": round(one, 2),
        "osmium_seconds": round(other, 2),
        "times_as_fast_as_osmium": round(other / one, 1),
    }
    write_row("osm_writing", figures)


if __name__ == "__main__":
    main()
