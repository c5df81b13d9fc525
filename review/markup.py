"""Tags, attributes and children -> one HTML text; every text is escaped by the serialiser, none by hand."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree

Element = ElementTree.Element
"""A piece of HTML or inline SVG."""

Child = Element | str | float | None

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction in which the rest of a line is read."""


def element(tag: str, attributes: Mapping[str, str | float] | None = None, *children: Child) -> Element:
    """Return an element with texts and elements inside; None children are left out.

    Examples
    --------
    >>> markup_text(element("p", {"class": "a"}, "1 < 2 ", element("b", {}, "&")))
    '<p class="a">1 &lt; 2 <b>&amp;</b></p>'
    """
    node = Element(tag, {name: clean(value) for name, value in (attributes or {}).items()})
    last: Element | None = None
    for child in children:
        if child is None:
            continue
        if isinstance(child, Element):
            node.append(child)
            last = child
        elif last is None:
            node.text = (node.text or "") + clean(child)
        else:
            last.tail = (last.tail or "") + clean(child)
    return node


def clean(value: str | float) -> str:
    """Return a text that HTML can hold: neither control characters nor lone surrogates; floats without noise."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return _FORBIDDEN.sub("", text).encode("utf-8", "replace").decode("utf-8")


def markup_text(root: Element) -> str:
    """Return the element as HTML."""
    return ElementTree.tostring(root, encoding="unicode", method="html")
