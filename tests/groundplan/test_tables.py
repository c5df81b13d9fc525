import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

import pytest

from groundplan.errors import ConfigError
from groundplan.tables import read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: str
    size_m: float = 1.0
    count: int = 2
    sharp: bool = False
    mode: Literal["a", "b"] = "a"
    day: dt.date | None = None
    names: tuple[str, ...] = ()
    score: dict[str, float] = field(default_factory=dict)


def test_every_kind_of_value_is_read() -> None:
    table = {"name": "x", "size_m": 3, "mode": "b", "day": dt.date(2026, 6, 1), "names": ["p"], "score": {"q": 1}}
    got = read_record(Sample, table, where="[t]")
    assert got == Sample(name="x", size_m=3.0, mode="b", day=dt.date(2026, 6, 1), names=("p",), score={"q": 1.0})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, r"\[t\] has no 'name'"),
        ({"name": "x", "siz_m": 1}, r"unknown key 'siz_m' in \[t\] \(did you mean 'size_m'\?\)"),
        ({"name": 1}, r"name is 1; it must be a text"),
        ({"name": "x", "count": 1.5}, "count is 1.5; it must be a whole number"),
        ({"name": "x", "count": True}, "count is True; it must be a whole number"),
        ({"name": "x", "size_m": float("nan")}, "size_m is nan"),
        ({"name": "x", "mode": "c"}, "mode is 'c'; it must be one of 'a', 'b'"),
        ({"name": "x", "names": "p"}, "names is 'p'; it must be a list"),
        ({"name": "x", "score": {"q": "r"}}, r"score.q is 'r'; it must be a number"),
        ({"name": "x", "day": "yesterday"}, "must be a date"),
        ({"name": "x", "day": dt.datetime(2026, 6, 1, 12)}, "must be a date"),
        ([], "is a list; it must be a table"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(table: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_record(Sample, table, where="[t]")
