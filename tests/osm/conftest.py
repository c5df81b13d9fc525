"""OSM worlds drawn in metres, written as extracts that libosmium reads."""

import datetime as dt
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import pytest
import shapely
from shapely import affinity

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.records import Imagery
from osm.diff import diff
from osm.options import DiffOptions

CRS = "EPSG:32632"
EAST, NORTH = 540_000.0, 5_223_000.0
"""A place in Liechtenstein."""

TOWN_OPTIONS = DiffOptions(batch_features=5)
TOWN_SHIFT = (2.0, -1.5)

STAMP = "2015-01-01T00:00:00Z"


def box(x: float, y: float, width: float, height: float, *, turn_deg: float = 0.0):
    """A rectangle with its lower left corner at (x, y), metres from the origin of the world."""
    shape = shapely.box(EAST + x, NORTH + y, EAST + x + width, NORTH + y + height)
    return affinity.rotate(shape, turn_deg)


def _escape(text: str) -> str:
    return "".join(char if char.isalnum() or char in "_:;/.-" else f"%{ord(char):x}%" for char in text)


@dataclass
class World:
    """OSM elements in metres; `write` sorts them and gives them ids in the order of their making."""

    nodes: list[str] = field(default_factory=list)
    ways: list[str] = field(default_factory=list)
    relations: list[str] = field(default_factory=list)
    metadata: bool = True

    def _meta(self, stamp: str) -> str:
        return f" v2 dV c0 t{stamp} i0 u" if self.metadata else ""

    def _tags(self, tags: dict[str, str]) -> str:
        return " T" + ",".join(f"{_escape(k)}={_escape(v)}" for k, v in tags.items()) if tags else ""

    def place(self, point, tags=None, stamp: str = STAMP) -> int:
        """A node at a point in EPSG:32632."""
        lon_lat = transform_geometries([point], source=CRS, target=LON_LAT)[0]
        number = len(self.nodes) + 1
        spot = f" x{lon_lat.x:.7f} y{lon_lat.y:.7f}"
        self.nodes.append(f"n{number}{self._meta(stamp)}{self._tags(tags or {})}{spot}")
        return number

    def line(self, line, tags=None, stamp: str = STAMP) -> int:
        """A way along a line in EPSG:32632; closed lines share their first node."""
        points = [shapely.Point(xy) for xy in line.coords]
        closed = len(points) > 3 and points[0].equals(points[-1])
        refs = [self.place(point) for point in (points[:-1] if closed else points)]
        refs += refs[:1] if closed else []
        number = len(self.ways) + 1
        text = ",".join(f"n{ref}" for ref in refs)
        self.ways.append(f"w{number}{self._meta(stamp)}{self._tags(tags or {})} N{text}")
        return number

    def area(self, polygon, tags=None, stamp: str = STAMP) -> int:
        """A closed way, or a multipolygon where the polygon has holes."""
        if not polygon.interiors:
            return self.line(polygon.exterior, tags, stamp)
        members = [f"w{self.line(polygon.exterior, {}, stamp)}@outer"]
        members += [f"w{self.line(ring, {}, stamp)}@inner" for ring in polygon.interiors]
        number = len(self.relations) + 1
        tags = {"type": "multipolygon", **(tags or {})}
        self.relations.append(f"r{number}{self._meta(stamp)}{self._tags(tags)} M{','.join(members)}")
        return number

    def write(self, path: Path) -> Path:
        """Write the world; the suffix chooses the format."""
        opl = path.with_name(path.name.split(".")[0] + ".opl")
        opl.write_text("\n".join([*self.nodes, *self.ways, *self.relations]) + "\n", encoding="utf-8")
        path.unlink(missing_ok=True)
        with osmium.SimpleWriter(str(path)) as writer:
            for item in osmium.FileProcessor(str(opl)):
                writer.add(item)
        return path


def features(rows, *, crs=CRS, **columns) -> gpd.GeoDataFrame:
    """A frame of (label, polygon) rows."""
    labels = [label for label, *_ in rows]
    frame = gpd.GeoDataFrame({"label": labels}, geometry=[row[1] for row in rows], crs=crs)
    frame["score"] = [row[2] if len(row) > 2 else 0.9 for row in rows]
    return frame.assign(**columns)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def new_world() -> type[World]:
    return World


@pytest.fixture(scope="session")
def imagery() -> Imagery:
    return Imagery(id="planted", date=dt.date(2020, 6, 1), licence="CC0-1.0")


@pytest.fixture(scope="session")
def make_box():
    return box


@pytest.fixture(scope="session")
def make_features():
    return features


@pytest.fixture(scope="session")
def osmium_tool() -> str:
    found = shutil.which("osmium")
    if not found:
        pytest.skip("osmium-tool is not installed")
    return found


@pytest.fixture(scope="session")
def xmllint() -> str:
    found = shutil.which("xmllint")
    if not found:
        pytest.skip("xmllint is not installed")
    return found


@pytest.fixture(scope="session")
def liechtenstein() -> Path:
    path = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "osm" / "liechtenstein.osm.pbf"
    if not path.is_file():
        pytest.skip("the extract of Liechtenstein is not beside the checkout")
    return path


def town(box):
    """Sixty houses in rows, of which every tenth is not mapped, a yard and three courts that are not either."""
    rng = np.random.default_rng(11)
    houses = [
        (
            "building",
            box(40 * (k % 10), 40 * (k // 10), *rng.uniform(8, 20, 2), turn_deg=float(rng.uniform(0, 60))),
        )
        for k in range(60)
    ]
    extra = [("building", box(450, 0, 40, 40).difference(box(460, 10, 20, 20)))]
    # Abutting courts share two corners each, which the files must not.
    extra += [("tennis_court", box(450 + 18 * k, 100, 18, 36)) for k in range(3)]
    extra += [("building", box(500, 200, 10, 10), 0.2)]
    known = [row for k, row in enumerate(houses) if k % 10]
    return known, [row for k, row in enumerate(houses) if k % 10 == 0] + extra


@pytest.fixture(scope="session")
def planted(new_world, make_box, make_features, tmp_path_factory):
    world = new_world()
    known, unknown = town(make_box)
    for _, shape in known:
        world.area(shape, {"building": "yes", "name": "Müller & <Söhne>"})
    world.line(shapely.LineString(make_box(-20, -20, 500, 1).exterior.coords[:3]), {"highway": "residential"})
    frame = make_features([*known, *unknown])
    frame = frame.set_geometry(frame.geometry.translate(*TOWN_SHIFT))
    return world.write(tmp_path_factory.mktemp("town") / "town.osm.pbf"), frame


@pytest.fixture(scope="session")
def ran(planted, imagery, tmp_path_factory):
    extract, frame = planted
    out = tmp_path_factory.mktemp("out") / "diff"
    report = diff(frame, extract, out=out, imagery=imagery, options=TOWN_OPTIONS)
    return out, report
