"""A word nobody knows -> the known word that was probably meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``' (did you mean ...?)'`` for the nearest known word, or nothing when none is near.

    Examples
    --------
    >>> did_you_mean("tenis_court", ["building", "tennis_court"])
    " (did you mean 'tennis_court'?)"
    >>> did_you_mean("xyz", ["building"])
    ''
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
