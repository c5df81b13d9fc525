"""Progress on stderr, for people; quiet where nobody looks."""

import sys
from typing import Any

from tqdm import tqdm


def tile_bar(n_tiles: int) -> Any:
    """Return a bar that counts tiles, with the time that is left."""
    return tqdm(total=n_tiles, unit="tile", file=sys.stderr, smoothing=0.1, dynamic_ncols=True, mininterval=0.5)
