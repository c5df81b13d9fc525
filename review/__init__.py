"""The static review page and the run report."""
