"""docs/errors.md against the real command line: every row, its exit code and what is said."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.spoiled import World
from tests.pipeline.spoiled_inputs import INPUTS
from tests.pipeline.spoiled_runs import RUNS

ROOT = Path(__file__).resolve().parents[2]
ROWS = {
    given: (int(code), said)
    for given, code, said in re.findall(
        r"^\| ([^|]+) \| (\d+) \| `(.+)` \|$", (ROOT / "docs/errors.md").read_text(), re.M
    )
}
CASES = INPUTS | RUNS


def test_every_row_has_its_case() -> None:
    assert set(ROWS) == set(CASES)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("given", ROWS)
def test_what_the_table_says_is_what_happens(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = ROWS[given]
    world = World(tmp_path)
    assert CASES[given](world, monkeypatch) == code
    caught = capsys.readouterr()
    assert said in (caught.err if code in (1, 2, 130) else caught.out)
    if code in (1, 130):
        assert len([line for line in caught.err.splitlines() if line.startswith("groundplan: ")]) == 1
        assert "Traceback" not in caught.err


def test_a_real_interrupt_ends_with_one_line(tmp_path: Path) -> None:
    world = World(tmp_path)
    command = [sys.executable, "-m", "groundplan", "run", str(world.region()), "--out", str(tmp_path / "out")]
    code = (
        "import signal, sys, time, pipeline.run, pipeline.cli\n"
        # Shells start what they put into the background with interrupts ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def slow(*a, **k):\n    print('here', file=sys.stderr, flush=True); time.sleep(60)\n"
        "pipeline.run.detect = slow\n"
        f"sys.exit(pipeline.cli.main({command[3:]!r} + ['--workers', '0']))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "here" in line:
                break
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(30) == 130
    assert "the next run takes it over" in said and "Traceback" not in said
