"""Every error groundplan raises on purpose: one root, each child also of the builtin that fits.

A message says what was got, what is needed and what to do, in one line.
"""


class Error(Exception):
    """Anything groundplan refuses; the command line prints it as one line and exits with 1."""


class ConfigError(Error, ValueError):
    """A region file or an option has a value that cannot be used."""


class SceneError(Error, OSError):
    """A scene is missing, unreadable, or lacks what is needed to place it on the ground."""


class CRSError(Error, ValueError):
    """A coordinate system is unknown or cannot be used for what was asked."""


class CRSMismatchError(CRSError):
    """Two frames that must share one coordinate system do not."""


class SchemaError(Error, ValueError):
    """A frame or a vector file lacks columns, or has values that do not fit them."""


class WeightsError(Error, ValueError):
    """A weights file is missing, damaged, or was made for something else."""


class OsmFileError(Error, OSError):
    """An OSM file is missing, truncated, unsorted or not an OSM file."""


class LicenceError(Error, ValueError):
    """Proposals were asked for from imagery that is not known to permit tracing for OpenStreetMap."""


class OutputError(Error, OSError):
    """A file or folder cannot be written."""


class ClusterError(Error, ConnectionError):
    """A Dask cluster cannot be used, or no longer."""


class DeviceError(Error, RuntimeError):
    """The accelerator can no longer be used by this process; another process may."""


class DataError(Error, ValueError):
    """Training or evaluation data does not have the form that is needed."""
