"""Other colours: the ground stays where it is, what has no data stays black, and looks are those of the other."""

import numpy as np
import pytest

from training.recolour import in_colours_of, recolour


def picture(seed: int, *, light: float, spread: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(light, spread, (40, 50, 3)) + rng.normal(0, 8, 3)
    out = np.clip(values, 1, 255).astype(np.uint8)
    out[:5] = 0
    return out


def test_an_image_takes_over_the_mean_and_spread_of_another() -> None:
    dark, light = picture(1, light=80, spread=14), picture(2, light=170, spread=20)
    found = in_colours_of(dark, light, amount=1.0)
    assert found[5:].mean(axis=(0, 1)) == pytest.approx(light[5:].mean(axis=(0, 1)), abs=1.5)
    assert found[5:].std(axis=(0, 1)) == pytest.approx(light[5:].std(axis=(0, 1)), rel=0.1)
    half = in_colours_of(dark, light, amount=0.5)
    assert dark[5:].mean() + 20 < half[5:].mean() < found[5:].mean() - 20
    assert (in_colours_of(dark, light, amount=0.0) == dark).all()
    # What was lighter than its neighbour still is.
    pairs = zip(dark[5:].reshape(-1, 3).T, found[5:].reshape(-1, 3).T, strict=True)
    assert all(np.corrcoef(before, after)[0, 1] > 0.99 for before, after in pairs)


def test_pixels_without_data_stay_black_and_empty_images_as_they_are() -> None:
    image, nothing = picture(1, light=120, spread=30), np.zeros((8, 8, 3), np.uint8)
    for out in (in_colours_of(image, picture(3, light=200, spread=10), amount=1.0),
                recolour(image, rng=np.random.default_rng(0), harsh=1.0)):  # fmt: skip
        assert (out[:5] == 0).all() and out[5:].any(axis=2).mean() > 0.8
    assert (in_colours_of(nothing, image, amount=1.0) == 0).all()
    assert (in_colours_of(image, nothing, amount=1.0) == image).all()


def test_harsh_contrast_is_harder() -> None:
    image = picture(1, light=128, spread=25)
    plain, hard = (_spread(image, harsh=harsh) for harsh in (0.0, 1.0))
    assert hard > 1.25 * plain


def _spread(image: np.ndarray, *, harsh: float) -> float:
    looks = [recolour(image, rng=np.random.default_rng(seed), harsh=harsh) for seed in range(40)]
    return float(np.mean([look[5:].std() for look in looks]))
