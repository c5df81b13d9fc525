"""The labels groundplan knows, in the order that gives them their ids."""

from typing import Final

from groundplan.errors import ConfigError
from groundplan.nearest import did_you_mean

LABELS: Final[tuple[str, ...]] = (
    "building",
    "tennis_court",
    "basketball_court",
    "baseball_diamond",
    "soccer_field",
    "american_football_field",
    "running_track",
)
"""Label ids count from 1 in this order; 0 is background (torchvision's convention, and the painted scenes')."""

FIELD_LABELS: Final[tuple[str, ...]] = LABELS[1:]
"""Everything that is not a building."""

LABEL_IDS: Final[dict[str, int]] = {label: number for number, label in enumerate(LABELS, start=1)}


def check_label(label: str) -> str:
    """Return the label unchanged, or refuse it.

    Raises
    ------
    ConfigError
        The label is not one of `LABELS`; the message names the nearest that is.

    Examples
    --------
    >>> check_label("building")
    'building'
    """
    if label not in LABEL_IDS:
        raise ConfigError(f"unknown label {label!r}{did_you_mean(label, LABELS)}; labels are {', '.join(LABELS)}")
    return label
