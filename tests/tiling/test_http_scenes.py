"""Scenes over a real HTTP server: range requests, faults and slowness change no byte."""

from pathlib import Path

import pytest

from groundplan.errors import SceneError
from tests.tiling.distant import pixels_of, region_of, write_cog


@pytest.mark.parametrize("gsd_m", [0.5, 0.7])
def test_a_cog_over_http_with_every_third_request_failing_gives_the_bytes_from_disk(
    tmp_path: Path, serve_folder, gsd_m: float
) -> None:
    write_cog(tmp_path / "a.tif")
    server = serve_folder(tmp_path)
    server.every_fails = 3
    there = pixels_of(region_of(f"{server.address}/a.tif", base=tmp_path, gsd_m=gsd_m))
    assert there == pixels_of(region_of("a.tif", base=tmp_path, gsd_m=gsd_m))
    assert server.faults >= 3


def test_a_slow_server_is_waited_for(tmp_path: Path, serve_folder) -> None:
    write_cog(tmp_path / "slow.tif", size=200)
    server = serve_folder(tmp_path)
    server.delay_s = 0.15
    assert pixels_of(region_of(f"{server.address}/slow.tif", base=tmp_path)) == pixels_of(
        region_of("slow.tif", base=tmp_path)
    )


def test_what_a_server_lacks_is_an_error_of_one_line(tmp_path: Path, serve_folder) -> None:
    server = serve_folder(tmp_path)
    for name in ("none.tif", "none.json"):
        with pytest.raises(SceneError, match=name) as caught:
            region_of(f"{server.address}/{name}", base=tmp_path)
        assert "\n" not in str(caught.value)
