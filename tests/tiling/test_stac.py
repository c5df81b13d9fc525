"""STAC items, searches and what is none, from disk and over HTTP."""

import json
from pathlib import Path

import pytest

import tiling.stac
from groundplan.errors import SceneError
from tests.tiling.distant import pixels_of, region_of, write_cog
from tiling.stac import read_stac


def item(assets: dict, taken: str = "2024-05-01T10:00:00Z", name: str = "one") -> dict:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "properties": {"datetime": taken},
        "geometry": None,
        "links": [],
        "assets": assets,
    }


def asset(href: str, *roles: str, names: tuple[str, ...] = ()) -> dict:
    out: dict = {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": list(roles),
    }
    return out | (
        {"eo:bands": [{"name": f"B{i}", "common_name": n} for i, n in enumerate(names)]} if names else {}
    )


def test_items_are_read_from_disk_and_over_http_alike(tmp_path: Path, serve_folder) -> None:
    (tmp_path / "sub").mkdir()
    write_cog(tmp_path / "sub" / "a.tif", size=300)
    document = item({"thumbnail": {"href": "t.png", "type": "image/png"}, "image": asset("sub/a.tif", "data")})
    (tmp_path / "item.json").write_text(json.dumps(document))
    server = serve_folder(tmp_path)
    server.every_fails = 3
    plain = pixels_of(region_of("sub/a.tif", base=tmp_path))
    assert pixels_of(region_of("item.json", base=tmp_path)) == plain
    assert pixels_of(region_of(f"{server.address}/item.json", base=tmp_path)) == plain
    assert pixels_of(region_of(f"stac:{server.address}/item.json", base=tmp_path)) == plain


def test_assets_are_chosen_by_key_role_or_use(tmp_path: Path) -> None:
    assets = {
        "meta": {"href": "m.xml", "type": "application/xml", "roles": ["metadata"]},
        "nir": asset("nir.tif", "data"),
        "visual": asset("v.tif", "visual", names=("red", "green", "blue")),
        "raw": asset("https://there.example/raw.tif", "data", "raw"),
    }
    path = tmp_path / "i.json"
    path.write_text(json.dumps(item(assets)))

    def chosen(*wanted: str) -> list[str]:
        return [image.path.rsplit("/", 1)[-1] for image in read_stac(str(path), assets=wanted)]

    assert (chosen(), chosen("nir"), chosen("data")) == (["v.tif"], ["nir.tif"], ["nir.tif", "raw.tif"])
    assert read_stac(str(path))[0].band_names == ("red", "green", "blue")
    with pytest.raises(SceneError, match="no asset infrared; its assets are meta, nir, visual, raw"):
        chosen("infrared")


def test_pages_of_a_search_are_followed_and_the_newest_scene_wins(tmp_path: Path, serve_folder) -> None:
    for number in (1, 2):
        write_cog(tmp_path / f"{number}.tif", size=64, seed=number)
    server = serve_folder(tmp_path)
    pages = [item({"image": asset(f"{n}.tif", "data")}, f"202{n}-01-01T00:00:00Z", str(n)) for n in (1, 2)]
    links = [{"rel": "next", "href": "page2.json"}]
    (tmp_path / "page1.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": pages[:1], "links": links})
    )
    # The second page says that it is followed by the first: a loop must end.
    (tmp_path / "page2.json").write_text(
        json.dumps(
            {"type": "FeatureCollection", "features": pages[1:], "links": [{"rel": "next", "href": "page1.json"}]}
        )
    )
    names = {
        order: [s.path[-5:] for s in region_of(f"{server.address}/page1.json", base=tmp_path, order=order).scenes]
        for order in ("listed", "newest")
    }
    assert names == {"listed": ["1.tif", "2.tif"], "newest": ["2.tif", "1.tif"]}


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ([{"rel": "next", "href": "page2.json", "method": "POST", "body": {}}], "asked for by POST"),
        ([{"rel": "next", "href": "page1.json?more"}], "more than 3 pages"),
    ],
)
def test_pages_that_cannot_be_followed_are_not_left_out_silently(
    tmp_path: Path, serve_folder, monkeypatch: pytest.MonkeyPatch, links: list, message: str
) -> None:
    monkeypatch.setattr(tiling.stac, "MAX_PAGES", 3)
    server = serve_folder(tmp_path)
    for number in range(5):
        follow = [{**link, "href": link["href"].replace("1.json?more", f"{number + 1}.json")} for link in links]
        page = {
            "type": "FeatureCollection",
            "features": [item({"image": asset("1.tif", "data")}, "2021-01-01T00:00:00Z", "1")],
            "links": follow,
        }
        (tmp_path / f"page{number}.json").write_text(json.dumps(page))
    with pytest.raises(SceneError, match=message):
        read_stac(f"{server.address}/page0.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"type": "Catalog"}', "is 'Catalog'; give a STAC item"),
        ("[1]", "is 'list'; give a STAC item"),
        ('{"type": "FeatureCollection", "features": []}', "has no items"),
        ('{"type": "FeatureCollection", "features": 3}', "features` are no list"),
        ('{"type": "FeatureCollection", "features": [null]}', "item without `assets`"),
        ('{"assets": {"image": {}}}', "without an address"),
        ('{"assets": {"image": {"href": "file:///etc/passwd"}}}', "only http"),
        ('{"assets": {"image": {"href": "/vsicurl/http://x/y"}}}', "only http"),
    ],
)
def test_documents_that_are_no_stac_are_errors_of_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SceneError, match=message) as caught:
        read_stac(str(tmp_path / "x.json"))
    assert "\n" not in str(caught.value)
