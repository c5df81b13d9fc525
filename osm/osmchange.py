"""Proposals -> the text of an osmChange file that only creates."""

from collections.abc import Sequence

import groundplan
from osm.elements import Proposal, Way, make_elements, node_refs
from osm.xml import tag_lines

GENERATOR = f"groundplan {groundplan.__version__}"
"""Written into every file."""


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
        parts += [
            f'    <node id="{-number}" version="1" lat="{lat:.7f}" lon="{lon:.7f}"/>\n'
            for number, (lon, lat) in enumerate(zip(elements.lon, elements.lat, strict=True), start=1)
        ]
        written: dict[int, str] = {}
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


def _way(way: Way, written: dict[int, str]) -> str:
    refs = "".join([f'      <nd ref="{ref}"/>\n' for ref in node_refs(way)])
    # Most ways share one of a few sets of tags: they are turned into text once.
    tags = written.get(id(way.tags))
    if tags is None:
        tags = written[id(way.tags)] = tag_lines(way.tags, indent="      ")
    return f'    <way id="{way.id}" version="1">\n{refs}      <nd ref="{way.first}"/>\n{tags}    </way>\n'
