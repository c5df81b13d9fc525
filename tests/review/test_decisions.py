import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundplan.errors import SchemaError
from review.decisions import Decision, current_decisions, decision_line, parse_decision

SQUARE = "POLYGON ((9.5100000 47.1600000, 9.5103000 47.1600000, 9.5103000 47.1601100, 9.5100000 47.1600000))"
GOOD = Decision(
    id="c-1",
    label="building",
    polygon=SQUARE,
    decision="accepted",
    who="Ada",
    when="2026-06-01T12:00:00Z",
    imagery="i",
)


def line(**changed):
    return json.dumps(json.loads(decision_line(GOOD)) | changed)


def test_a_line_has_the_keys_of_the_memory_in_their_order():
    keys = ["id", "label", "polygon", "decision", "reason", "who", "when", "imagery", "shown"]
    assert list(json.loads(decision_line(GOOD))) == keys
    assert decision_line(GOOD).endswith("\n")


printable = st.text(max_size=40).filter(str.isprintable)


@given(
    reason=printable,
    who=printable,
    imagery=printable,
    decision=st.sampled_from(["accepted", "rejected", "pending"]),
)
def test_what_is_written_is_read_back(reason, who, imagery, decision):
    given_one = Decision(
        id="c-ü", label="building", polygon=SQUARE, decision=decision, reason=reason, who=who,
        when="2026-06-01T12:00:00+02:00", imagery=imagery,
    )  # fmt: skip
    text = decision_line(given_one)
    assert text.count("\n") == 1
    assert parse_decision(text) == given_one


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"id": ""}, "empty id"),
        ({"decision": "maybe"}, "must be one of accepted, rejected, pending"),
        ({"label": "castle"}, "must be one of building"),
        ({"who": "x" * 300}, "300 characters"),
        ({"reason": "two\nlines"}, "printable"),
        ({"when": "yesterday"}, "ISO 8601"),
        ({"when": "2026-06-01T12:00:00"}, "without an offset"),
        ({"polygon": "POINT (1 2)"}, "POLYGON in WKT"),
        ({"polygon": "nonsense"}, "POLYGON in WKT"),
        ({"who": 7}, "needs a text"),
        ({"id": None}, "needs a text"),
    ],
)
def test_a_value_that_cannot_be_kept_is_named(changed, match):
    with pytest.raises(SchemaError, match=match):
        parse_decision(line(**changed))


@pytest.mark.parametrize(("text", "match"), [("{", "not JSON"), ("[]", "JSON list"), ("[" * 100000, "not JSON")])
def test_a_line_that_is_no_object_is_refused(text, match):
    with pytest.raises(SchemaError, match=match):
        parse_decision(text)


def test_the_last_line_about_a_proposal_counts_and_pending_takes_back():
    lines = [
        line(),
        line(id="c-2", decision="rejected", reason="not_there"),
        "",
        line(decision="rejected", reason="gone"),
        line(id="c-2", decision="pending"),
    ]
    held = current_decisions(lines)
    assert list(held) == ["c-1"]
    assert (held["c-1"].decision, held["c-1"].reason) == ("rejected", "gone")


def test_a_bad_line_is_named_by_its_number():
    with pytest.raises(SchemaError, match="line 2 is not JSON"):
        current_decisions([line(), "oops", ""])


def test_a_last_line_that_was_cut_off_is_left_out_and_one_that_lacks_its_end_counts():
    assert list(current_decisions([line(), line(id="c-2")[:40]])) == ["c-1"]
    assert list(current_decisions([line(), line(id="c-2")])) == ["c-1", "c-2"]
    assert current_decisions(["oops"]) == {}
