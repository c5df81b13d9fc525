"""The words every part of groundplan shares: labels, errors, coordinate systems, records and frame schemas."""

__version__ = "0.1.0"
