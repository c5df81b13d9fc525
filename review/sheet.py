"""A title and what stands below it -> one self-contained HTML text, without scripts, readable on a phone."""

import base64
import hashlib
from importlib import resources

from review.markup import Child, element, markup_text


def sheet_html(title: str, *children: Child) -> str:
    """Return a whole HTML text with the report's style sheet inside.

    Parameters
    ----------
    title : str
    *children : Element, str or None
        Of the page's main part, in order.

    Returns
    -------
    str
        Equal children give equal texts. A content security policy allows nothing but the one style sheet inside
        and pictures that are part of the text.
    """
    style = resources.files("review").joinpath("static", "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("title", {}, title),
        element("link", {"rel": "icon", "href": "data:,"}),
        element("style", {}, style),
    )
    body = element("body", {}, element("main", {}, *children))
    return "<!doctype html>\n" + markup_text(element("html", {"lang": "en"}, head, body)) + "\n"
