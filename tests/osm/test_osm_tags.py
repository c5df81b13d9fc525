import pytest

from groundplan.errors import ConfigError
from groundplan.labels import LABELS
from osm.options import DiffOptions
from osm.roles import area_roles, is_track_line, line_roles, node_roles, veto_roles
from osm.tags import RULES, blocks, deprecated_notes, families, proposed_tags

FORBIDDEN = {"name", "access", "lit", "operator", "source", "created_by", "fixme"}


@pytest.mark.parametrize("label", LABELS)
def test_every_label_proposes_tags_that_its_own_family_test_accepts(label):
    tags = proposed_tags(label)
    assert not FORBIDDEN & set(tags)
    assert "football" not in tags.values()
    assert [(role, found) for role, found, _ in area_roles(tags.get)] == [("area", label)]


def test_every_label_has_a_rule_with_a_size_range():
    assert set(RULES) == set(LABELS)
    assert all(0 < rule.min_area_m2 < rule.max_area_m2 for rule in RULES.values())


def test_a_track_with_a_hole_needs_no_area_tag():
    assert proposed_tags("running_track", ring=True) == {"leisure": "track", "sport": "athletics"}
    assert proposed_tags("running_track", track_tags="running")["sport"] == "running"


@pytest.mark.parametrize(
    ("leisure", "sport", "expected"),
    [
        ("pitch", "tennis", ("tennis_court",)),
        ("pitch", "tennis;basketball", ("tennis_court", "basketball_court")),
        ("pitch", "multi", ("basketball_court", "soccer_field")),
        ("pitch", "football", ("soccer_field", "american_football_field")),
        ("pitch", "softball", ("baseball_diamond",)),
        ("pitch", "padel", ()),
        ("pitch", None, ()),
        ("track", "running", ("running_track",)),
        ("track", "tennis", ()),
        ("sports_centre", "tennis", ()),
    ],
)
def test_families_follow_the_table(leisure, sport, expected):
    assert families(leisure, sport) == expected


def test_buildings_that_say_no_are_none():
    assert area_roles({"building": "no"}.get) == []
    assert node_roles({"building": "no"}.get) == []


def test_lifecycle_prefixes_become_vetoes_of_the_right_label():
    razed = {"razed:building": "yes"}
    assert veto_roles(razed, razed.get) == [("veto", "building", razed)]
    old = {"abandoned:leisure": "pitch", "abandoned:sport": "tennis"}
    assert [label for _, label, _ in veto_roles(old, old.get)] == ["tennis_court"]
    unknown = {"disused:leisure": "pitch"}
    assert len(veto_roles(unknown, unknown.get)) == 5
    none = {"removed:building": "no", "demolished:leisure": "park"}
    assert veto_roles(none, none.get) == []


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "service"}, ("highway", "service")),
        ({"highway": "footway"}, None),
        ({"highway": "primary", "tunnel": "yes"}, None),
        ({"highway": "primary", "tunnel": "no"}, ("highway", "primary")),
        ({"highway": "primary", "layer": "1"}, None),
        ({"railway": "rail", "bridge": "yes"}, None),
        ({"railway": "abandoned"}, None),
        ({"waterway": "stream"}, ("waterway", "stream")),
        ({"highway": "pedestrian", "area": "yes"}, None),
    ],
)
def test_what_blocks_is_on_the_ground(tags, expected):
    assert blocks(tags.get) == expected


def test_a_closed_track_is_a_line_unless_it_says_area():
    track = {"leisure": "track", "sport": "running"}
    assert is_track_line(track.get)
    assert not is_track_line({**track, "area": "yes"}.get)
    assert [role for role, _, _ in line_roles(track.get, closed=True)] == ["line"]
    assert line_roles({"leisure": "track", "sport": "horse_racing"}.get, closed=False) == []


def test_ambiguous_tags_are_noted_and_not_changed():
    tags = {"leisure": "pitch", "sport": "football;tennis"}
    assert deprecated_notes(tags) == ["osm_sport_football_ambiguous"]
    assert tags["sport"] == "football;tennis"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"match_iou": 1.5}, "not a share"),
        ({"search_m": -1.0}, "negative"),
        ({"search_m": 501.0}, "up to 500 m around"),
        ({"batch_elements": 20_000}, "OSM's limit"),
        ({"max_ring_nodes": 5000}, "2,000"),
        ({"propose": "all"}, "unknown"),
        ({"min_score": {"house": 0.5}}, "house"),
        ({"min_score": {"building": 2.0}}, "not a score"),
    ],
)
def test_options_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        DiffOptions(**wrong)


def test_scores_are_by_label_with_a_default():
    options = DiffOptions(min_score={"default": 0.6, "building": 0.4})
    assert (options.least_score("building"), options.least_score("tennis_court")) == (0.4, 0.6)
    assert DiffOptions(min_score={}).least_score("building") == 0.5
