import time

import geopandas as gpd
import numpy as np
import pytest
import shapely

from groundplan.errors import ConfigError
from groundplan.tangles import repaired, tangled


def star(n: int, seed: int = 0) -> shapely.Polygon:
    """Return a polygon of random vertices: each side crosses a fifth of the others."""
    return shapely.Polygon(np.random.default_rng(seed).uniform(0, 30, (n, 2)))


def jagged(n: int) -> shapely.Polygon:
    turns = np.linspace(0, 2 * np.pi, n)
    radius = 20 + 0.1 * np.cos(turns * n / 60)
    return shapely.Polygon(np.column_stack([radius * np.cos(turns), radius * np.sin(turns)]))


def test_only_what_crosses_itself_without_end_is_tangled() -> None:
    # One wrong vertex makes its two sides cross all that lies between, as a slip of the mouse does.
    slip = shapely.get_coordinates(jagged(2000))
    slip[500] = (0.0, -25.0)
    given = [star(20_000), star(200), jagged(2000), shapely.Polygon(slip), shapely.box(0, 0, 1, 1), None]
    assert tangled(np.array(given, object)).tolist() == [True, True, False, False, False, False]
    assert not tangled(np.array([shapely.MultiPolygon([jagged(500), star(20)]), shapely.Polygon()], object)).any()


def test_a_million_vertices_are_judged_in_seconds() -> None:
    given = np.array([star(100_000), jagged(1_000_000)], object)
    started = time.process_time()
    assert tangled(given).tolist() == [True, False]
    assert time.process_time() - started < 20


def test_an_aoi_of_random_vertices_is_refused() -> None:
    from tiling.region import _aoi_in

    with pytest.raises(ConfigError, match="crosses itself"):
        _aoi_in(gpd.GeoDataFrame(geometry=[star(5000)], crs="EPSG:32633"), "EPSG:32633")


def test_outlines_of_strangers_are_repaired_or_refused_in_no_time() -> None:
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    assert repaired(bow).is_valid and repaired(bow).area == 2
    for outline, message in (
        (star(500), "hundreds of times"),
        (None, "or none"),
        (shapely.Point(np.nan, 1), "no numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            repaired(outline)
