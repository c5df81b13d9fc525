"""Proposals -> the text of an osmChange file that only creates."""

import groundplan
from osm.elements import Elements, Way, node_refs
from osm.xml import tag_lines

GENERATOR = f"groundplan {groundplan.__version__}"
"""Written into every file."""

NODE = '    <node id="%d" version="1" lat="%.7f" lon="%.7f"/>\n'
REF = '"/>\n      <nd ref="'
WAY = '    <way id="%d" version="1">\n      <nd ref="%s"/>\n      <nd ref="%d"/>\n%s    </way>\n'


def osmchange_text(elements: Elements) -> str:
    """Write elements as osmChange: nodes, then ways, then relations, all of them new.

    Own templates, because pyosmium's writer decides between create and modify by the version number alone and
    takes five times as long. ``version="1"`` makes libosmium take the elements as creates; the OSM API ignores
    it there.

    References
    ----------
    .. [1] https://wiki.openstreetmap.org/wiki/OsmChange
    """
    parts = [f"<?xml version='1.0' encoding='UTF-8'?>\n<osmChange version=\"0.6\" generator=\"{GENERATOR}\">\n"]
    if elements.nodes:
        parts.append("  <create>\n")
        parts += [NODE % (-number, lat, lon) for number, (lon, lat) in enumerate(elements.nodes, start=1)]
        parts += map(_way, elements.ways)
        for relation in elements.relations:
            members = "".join(
                f'      <member type="way" ref="{ref}" role="{role}"/>\n' for ref, role in relation.members
            )
            tags = tag_lines(relation.tags, indent="      ")
            parts.append(f'    <relation id="{relation.id}" version="1">\n{members}{tags}    </relation>\n')
        parts.append("  </create>\n")
    parts.append("</osmChange>\n")
    return "".join(parts)


def _way(way: Way) -> str:
    refs = REF.join(map(str, node_refs(way)))
    return WAY % (way.id, refs, way.first, tag_lines(way.tags, indent="      "))
