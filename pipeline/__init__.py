"""The Dask workflow and the command line."""
