"""A STAC item or item collection (file or address) -> the addresses of its images; JSON only, no pixels.

Why not pystac: since 1.15 it installs two dozen distributions, of which this needs the reading of four members.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from groundplan.errors import SceneError
from tiling.fetch import fetch

MAX_BYTES = 2**26
"""Larger answers are refused: an item has a few kB, so 64 MiB are ten thousand items."""

MAX_PAGES = 100
"""Pages of a search that are followed by their `next` links."""

IMAGE_TYPES = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2", "image/x.geotiff", "application/geotiff")


@dataclass(frozen=True, slots=True, kw_only=True)
class StacImage:
    """One asset that is an image."""

    path: str
    """Path or address, as GDAL opens it."""
    taken: str
    """RFC 3339 time of the item; "" where it has none."""
    band_names: tuple[str, ...]
    """Common names ("red", "nir", ...) of the file's bands, or their names; () where the item says nothing."""


def is_stac(path: str) -> bool:
    """Tell whether one of a region file's `scenes` is a STAC document: ``stac:`` before or ``.json`` behind."""
    return path.startswith("stac:") or urlsplit(path).path.lower().endswith((".json", ".geojson"))


def read_stac(path: str, *, assets: Sequence[str] = ()) -> tuple[StacImage, ...]:
    """Return the images of an item, or of all items of a collection of items, in their order.

    Parameters
    ----------
    path : str
        Local file or http(s) address, with or without ``stac:`` before it.
    assets : sequence of str
        Keys or roles of the assets wanted. Without any: the asset "visual" or "image"; else the first with the
        role "visual"; else the first with the role "data" or an image's media type.

    Raises
    ------
    SceneError
        It cannot be read, is no STAC, has an item without such an asset, or goes on where it cannot be followed.
    """
    address = path.removeprefix("stac:")
    found: list[StacImage] = []
    seen: set[str] = set()
    while address and address not in seen:
        if len(seen) == MAX_PAGES:
            raise SceneError(f"{path} has more than {MAX_PAGES} pages; search for less, or with a larger `limit`")
        seen.add(address)
        document = _load(address)
        items = document.get("features") if document.get("type") == "FeatureCollection" else [document]
        if not isinstance(items, list):
            raise SceneError(f"{address} is no STAC item collection: its `features` are no list")
        for item in items:
            found.extend(_images(item, assets, base=address))
        address = _next_page(document, address)
    if not found:
        raise SceneError(f"{path} has no items; search for a place and time that has imagery")
    return tuple(found)


def _load(address: str) -> dict[str, Any]:
    if "://" in address:
        data = fetch(address, max_bytes=MAX_BYTES).data
        if data is None:
            raise SceneError(f"there is nothing at {address}; check the address in `scenes`")
    else:
        try:
            if os.stat(address).st_size > MAX_BYTES:  # noqa: PTH116
                raise SceneError(f"{address} has more than {MAX_BYTES >> 20} MiB; give a smaller item collection")
            data = Path(address).read_bytes()
        except OSError as err:
            raise SceneError(f"cannot read {address}: {err.strerror or err}; check `scenes`") from err
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise SceneError(f"{address} is not JSON; give a STAC item or item collection") from err
    if not isinstance(document, dict) or not ("assets" in document or "features" in document):
        kind = document.get("type") if isinstance(document, dict) else type(document).__name__
        raise SceneError(f"{address} is {kind!r:.40}; give a STAC item or an item collection (search result)")
    return document


def _next_page(document: dict[str, Any], base: str) -> str:
    if document.get("type") != "FeatureCollection" or not isinstance(document.get("links"), list):
        return ""
    links = [link for link in document["links"] if isinstance(link, dict) and link.get("rel") == "next"]
    for link in links:
        if str(link.get("method", "GET")).upper() == "GET":
            return _absolute(link.get("href"), base)
    if links:
        raise SceneError(
            f"{base} goes on with a page that has to be asked for by POST; save all items into one file, without "
            "that link, or give the address of a search by GET"
        )
    return ""


def _images(item: Any, wanted: Sequence[str], *, base: str) -> list[StacImage]:
    assets = item.get("assets") if isinstance(item, dict) else None
    if not isinstance(assets, dict) or not all(isinstance(each, dict) for each in assets.values()):
        raise SceneError(f"{base} has an item without `assets`; give STAC items, not {type(item).__name__}")
    keys = _chosen(assets, wanted)
    name = str(item.get("id", "?"))[:80]
    if not keys:
        asked = " or ".join(wanted) if wanted else "image"
        raise SceneError(
            f"STAC item {name!r} has no asset {asked}; its assets are {', '.join(map(str, assets))[:300]}; "
            "name one in [sources] assets"
        )
    properties = item.get("properties") if isinstance(item.get("properties"), dict) else {}
    taken = properties.get("datetime") or properties.get("start_datetime") or ""
    return [
        StacImage(
            path=_absolute(assets[key].get("href"), base),
            taken=str(taken),
            band_names=_band_names(assets[key]),
        )
        for key in keys
    ]


def _chosen(assets: dict[str, Any], wanted: Sequence[str]) -> list[str]:
    def roles(key: str) -> list[Any]:
        found = assets[key].get("roles")
        return found if isinstance(found, list) else []

    if wanted:
        return [key for key in assets if key in wanted or any(role in wanted for role in roles(key))]
    usual: list[str] = [key for key in ("visual", "image") if key in assets]
    usual += [key for key in assets if "visual" in roles(key)]
    images = [key for key in assets if str(assets[key].get("type", "")).split(";")[0].strip() in IMAGE_TYPES]
    usual += [key for key in images if "data" in roles(key)] + images
    return usual[:1]


def _band_names(asset: dict[str, Any]) -> tuple[str, ...]:
    """Return the bands' names, from STAC 1.1's `bands` or 1.0's `eo:bands`."""
    bands = asset.get("bands") or asset.get("eo:bands") or []
    if not isinstance(bands, list) or not all(isinstance(band, dict) for band in bands):
        return ()
    keys = ("eo:common_name", "common_name", "name")
    return tuple(str(next((band[key] for key in keys if band.get(key)), "")) for band in bands)


def _absolute(href: Any, base: str) -> str:
    if not isinstance(href, str) or not href:
        raise SceneError(f"{base} has an asset or link without an address; give STAC items with `href`")
    if "://" in href or href.startswith(("/vsi", "<")):
        if not href.startswith(("http://", "https://", "s3://", "gs://", "az://")):
            raise SceneError(f"{base} points to {href[:80]!r}; only http(s), s3, gs and az addresses are followed")
        return href
    return urljoin(base, href) if "://" in base else str(Path(base).parent / href)
