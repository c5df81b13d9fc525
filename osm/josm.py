"""Proposals -> the text of a JOSM file, in which a person finishes them."""

from collections.abc import Mapping
from typing import Literal

from osm.elements import Elements, node_refs
from osm.osmchange import GENERATOR
from osm.xml import attribute, tag_lines

_NEW = 'action="modify" visible="true"'
"""JOSM needs no action on negative ids, but MapRoulette's command-line tool leaves out elements without one."""


def josm_text(
    elements: Elements,
    *,
    changeset_tags: Mapping[str, str],
    upload: Literal["never", "false"] = "false",
) -> str:
    """Write elements as a JOSM file.

    Parameters
    ----------
    elements : Elements
    changeset_tags : mapping
        Suggested for the changeset; JOSM offers them at upload.
    upload : {"never", "false"}
        "false" makes JOSM ask before an upload, "never" leaves it out.

    References
    ----------
    .. [1] https://wiki.openstreetmap.org/wiki/JOSM_file_format
    """
    head = f'<osm version="0.6" upload="{upload}" generator="{GENERATOR}">\n'
    parts = ["<?xml version='1.0' encoding='UTF-8'?>\n", head]
    if changeset_tags:
        suggested = "".join(
            f'    <tag k="{attribute(key)}" v="{attribute(value)}"/>\n' for key, value in changeset_tags.items()
        )
        parts.append(f"  <changeset>\n{suggested}  </changeset>\n")
    parts += [
        f'  <node id="{-number}" {_NEW} lat="{lat:.7f}" lon="{lon:.7f}"/>\n'
        for number, (lon, lat) in enumerate(elements.nodes, start=1)
    ]
    for way in elements.ways:
        refs = "".join([f'    <nd ref="{ref}"/>\n' for ref in (*node_refs(way), way.first)])
        parts.append(f'  <way id="{way.id}" {_NEW}>\n{refs}{tag_lines(way.tags, indent="    ")}  </way>\n')
    for relation in elements.relations:
        members = "".join(
            f'    <member type="way" ref="{ref}" role="{role}"/>\n' for ref, role in relation.members
        )
        tags = tag_lines(relation.tags, indent="    ")
        parts.append(f'  <relation id="{relation.id}" {_NEW}>\n{members}{tags}  </relation>\n')
    parts.append("</osm>\n")
    return "".join(parts)
