"""Decisions as a review or a script writes them; shared by tests of what they bring about."""

from pathlib import Path

from osm.memory import Decision, decision_line


def append_decision(path: Path, decision: Decision) -> None:
    """Append one decision to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(decision_line(decision))
