"""Warnings of libjpeg that mean damage, and those that do not."""

import logging
import threading

import pytest

from groundplan.errors import SceneError
from tiling.damage import LOGGER, damage_is_an_error

GDAL = logging.getLogger(LOGGER)
TEXT = "CPLE_AppDefined:JPEGLib:Corrupt JPEG data: "


@pytest.mark.parametrize(
    "said", [TEXT + "premature end of data segment", TEXT + "bad Huffman code", "Premature end of JPEG file"]
)
def test_damage_is_told_of_with_the_file(said: str) -> None:
    expected = pytest.raises(SceneError, match=r"cannot read pixels of town.tif: .*; copy or convert it again")
    with expected, damage_is_an_error("town.tif"):
        GDAL.warning("%s", said)


def test_what_costs_no_pixel_or_another_thread_hears_is_none() -> None:
    with damage_is_an_error("town.tif"):
        GDAL.warning("%s", TEXT + "23 extraneous bytes before marker 0xd9")
        other = threading.Thread(target=GDAL.warning, args=("Premature end of JPEG file",))
        other.start()
        other.join()
    GDAL.warning("Premature end of JPEG file")
    with damage_is_an_error("town.tif"):
        pass


def test_an_error_of_the_reading_itself_comes_through() -> None:
    with pytest.raises(KeyError), damage_is_an_error("town.tif"):
        GDAL.warning("Premature end of JPEG file")
        raise KeyError
