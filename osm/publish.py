"""Files of one comparison -> the output folder, replaced together."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundplan.errors import OutputError

NAMES = ("changes.geojson", "changes.parquet", "maproulette.geojsonl", "diff_report.json", "proposals")
"""Everything a comparison may write; what it does not write this time is taken away."""


@contextmanager
def published(out: Path) -> Iterator[Path]:
    """Yield a folder to write the files of a comparison into; all of them or none come into `out`.

    It is a hidden folder beside their place; the renames at the end are the only moment at which old and new files
    can stand side by side. Files of an earlier run that have no successor are removed, so no stale proposal can be
    uploaded.

    Parameters
    ----------
    out : Path
        Folder, made when missing; other files in it stay.

    Raises
    ------
    OutputError
        The folder cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".diff-", dir=out))
    except OSError as err:
        raise OutputError(f"cannot write into {out}: {err.strerror}; choose another folder with --out") from err
    try:
        fresh, stale = staging / "new", staging / "old"
        fresh.mkdir()
        stale.mkdir()
        yield fresh
        for name in NAMES:
            if (out / name).exists():
                (out / name).rename(stale / name)
            if (fresh / name).exists():
                (fresh / name).rename(out / name)
    except OSError as err:
        raise OutputError(f"cannot write into {out}: {err.strerror or err}; check its space and rights") from err
    finally:
        shutil.rmtree(staging, ignore_errors=True)
