import pytest

from groundplan.errors import LicenceError
from groundplan.records import Imagery
from osm.licence import check_licence


@pytest.mark.parametrize(
    "licence", ["CC0-1.0", "cc0", "PDDL", "PDDL-1.0", "Public Domain", "public-domain", "US-PD"]
)
def test_licences_without_rights_need_nothing_more(licence):
    check_licence(Imagery(id="a", licence=licence))


def test_other_licences_need_the_users_word():
    with pytest.raises(LicenceError, match=r"CC-BY-4\.0.*osm_permitted = true"):
        check_licence(Imagery(id="a", licence="CC-BY-4.0"))
    check_licence(Imagery(id="a", licence="CC-BY-4.0", osm_permitted=True))


@pytest.mark.parametrize(
    ("imagery", "message"),
    [
        (None, "nothing is known"),
        (Imagery(id=" ", licence="CC0-1.0"), "no id"),
        (Imagery(id="a", licence=""), "no licence"),
        (Imagery(id="a", licence="", osm_permitted=True), "no licence"),
        (Imagery(id="a", licence="CC0-1.0", osm_permitted=False), "osm_permitted = false"),
        (Imagery(id="a", licence="CC0-NC"), "not on the list"),
    ],
)
def test_proposals_are_refused_with_a_reason(imagery, message):
    with pytest.raises(LicenceError, match=message):
        check_licence(imagery)
