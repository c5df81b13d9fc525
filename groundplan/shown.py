"""Why a proposal waits for a person, and what OSM has beside it -> one short text, the same wherever made."""

from collections.abc import Iterable

MAX_TEXT = 255
"""Longest text; decisions.jsonl keeps no longer one."""


def shown_as(reasons: Iterable[str], elements: Iterable[str]) -> str:
    """Return what a person sees of a proposal's surroundings, to be kept with what they decide.

    Parameters
    ----------
    reasons : iterable of str
        Reason codes of the decision table.
    elements : iterable of str
        As ``way/10``.

    Examples
    --------
    >>> shown_as(["partial_overlap"], ["way/11", "way/10"])
    'partial_overlap: way/10, way/11'
    """
    return f"{', '.join(reasons)}: {', '.join(sorted(elements))}"[:MAX_TEXT]
