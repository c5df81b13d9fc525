"""Proposals -> the text of an osmChange file that only creates."""

from collections.abc import Sequence
from typing import TypeAlias

import groundplan
from osm.elements import Proposal, Way, make_elements, node_refs
from osm.xml import tag_lines

GENERATOR = f"groundplan {groundplan.__version__}"
"""Written into every file."""

Tags: TypeAlias = tuple[tuple[str, str], ...]
NODE = '    <node id="%d" version="1" lat="%.7f" lon="%.7f"/>\n'
REF = '"/>\n      <nd ref="'
WAY = '    <way id="%d" version="1">\n      <nd ref="%s"/>\n      <nd ref="%d"/>\n%s    </way>\n'


def osmchange_text(proposals: Sequence[Proposal]) -> tuple[str, tuple[str, ...]]:
    """Write proposals as osmChange: nodes, then ways, then relations, all of them new.

    Own templates, because pyosmium's writer decides between create and modify by the version number alone and
    takes five times as long. ``version="1"`` makes libosmium take the elements as creates; the OSM API ignores
    it there.

    Parameters
    ----------
    proposals : sequence of Proposal
        In the order in which their elements are numbered.

    Returns
    -------
    tuple of str and tuple of str
        The text, and per proposal the element that carries its tags, as "way/-1".

    References
    ----------
    .. [1] https://wiki.openstreetmap.org/wiki/OsmChange
    """
    elements = make_elements(proposals)
    parts = [f"<?xml version='1.0' encoding='UTF-8'?>\n<osmChange version=\"0.6\" generator=\"{GENERATOR}\">\n"]
    if proposals:
        parts.append("  <create>\n")
        numbers = range(-1, -len(elements.lon) - 1, -1)
        parts += map(NODE.__mod__, zip(numbers, elements.lat, elements.lon, strict=True))
        written: dict[Tags, str] = {}
        parts += [_way(way, written) for way in elements.ways]
        for relation in elements.relations:
            members = "".join(
                f'      <member type="way" ref="{ref}" role="{role}"/>\n' for ref, role in relation.members
            )
            tags = tag_lines(relation.tags, indent="      ")
            parts.append(f'    <relation id="{relation.id}" version="1">\n{members}{tags}    </relation>\n')
        parts.append("  </create>\n")
    parts.append("</osmChange>\n")
    return "".join(parts), elements.main


def _way(way: Way, written: dict[Tags, str]) -> str:
    # Most ways share one of a few sets of tags: they are turned into text once.
    key = tuple(way.tags.items())
    tags = written.get(key)
    if tags is None:
        tags = written[key] = tag_lines(way.tags, indent="      ")
    return WAY % (way.id, REF.join(map(str, node_refs(way))), way.first, tags)
