"""pyproject.toml, environment.yml and the lock file say the same."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"pytorch": "torch", "pyosmium": "osmium"}
NOT_FROM_PYPI = {"python", "pip", "make"}


def wanted() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["dev"]
    return dict(re.fullmatch(r"([a-z0-9-]+)(>=.+)", line).groups() for line in lines)  # type: ignore[union-attr]


def test_conda_environment_has_the_same_packages_and_bounds() -> None:
    found = {}
    for name, bound in re.findall(r"^  - ([a-z0-9-]+)(>=.+)?$", (ROOT / "environment.yml").read_text(), re.M):
        if name not in NOT_FROM_PYPI and name != "conda-forge":
            found[CONDA_NAMES.get(name, name)] = bound
    assert found == wanted()


def test_lock_file_pins_every_dependency_and_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text, re.M))
    assert set(wanted()) <= pinned
    assert "://" not in text and "--index" not in text
