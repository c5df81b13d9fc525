"""A crop -> the same ground as another camera, season or survey might have shown it."""

import numpy as np
from numpy.typing import NDArray


def recolour(image: NDArray[np.uint8], *, rng: np.random.Generator, harsh: float = 0.0) -> NDArray[np.uint8]:
    """Return an image in other colours, light, contrast and haze; pixels without data stay black.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), dtype uint8
    rng : numpy Generator
    harsh : float
        Share of images with the contrast of stretched satellite scenes, in which sand is white and water black.
    """
    out = image.astype(np.float32) / 255
    empty = (image == 0).all(axis=2)
    grey = out.mean(axis=2, keepdims=True)
    out = grey + (out - grey) * float(np.exp(rng.normal(0, 0.3)))
    out = out * np.exp(rng.normal(0, 0.07, 3)).astype(np.float32)
    out = (out - 0.5) * float(np.exp(rng.normal(0, 0.2))) + 0.5 + float(rng.normal(0, 0.07))
    if rng.random() < 0.6:
        # Every survey exposes as it likes: a stadium's grass is twice as bright in one as in another.
        out = out * float(np.exp(rng.uniform(-0.4, 0.5)))
    if rng.random() < harsh:
        middle = float(rng.uniform(0.3, 0.6))
        out = (out - middle) * float(np.exp(rng.uniform(0.2, 0.8))) + middle
    out = np.clip(out, 0, 1) ** float(np.exp(rng.normal(0, 0.2)))
    if rng.random() < 0.15:
        haze = float(rng.uniform(0.05, 0.35))
        out = out * (1 - haze) + haze * rng.uniform(0.6, 0.95, 3).astype(np.float32)
    if rng.random() < 0.3:
        out = out + rng.normal(0, float(rng.uniform(0.005, 0.03)), out.shape).astype(np.float32)
    done = (np.clip(out, 0, 1) * 255).astype(np.uint8)
    done[empty] = 0
    return done


def in_colours_of(image: NDArray[np.uint8], other: NDArray[np.uint8], *, amount: float) -> NDArray[np.uint8]:
    """Return an image whose bands have the mean and the spread of another's; pixels without data stay black.

    Parameters
    ----------
    image, other : ndarray of shape (H, W, 3), dtype uint8
        Of any two sizes.
    amount : float
        0 keeps the image, 1 takes over all.

    References
    ----------
    .. [1] Reinhard et al. 2001, https://doi.org/10.1109/38.946629, here in RGB.
    """
    filled, theirs = (image > 0).any(axis=2), other[(other > 0).any(axis=2)]
    if not filled.any() or len(theirs) == 0:
        return image
    own = image[filled].astype(np.float32)
    # A lawn alone has hardly any spread: drawn out to a town's it would be noise.
    stretch = np.clip(theirs.std(axis=0) / np.maximum(own.std(axis=0), 1.0), 0.5, 2.0)
    moved = (own - own.mean(axis=0)) * stretch + theirs.mean(axis=0)
    out = image.copy()
    out[filled] = np.clip(own + amount * (moved - own), 1, 255)
    return out
