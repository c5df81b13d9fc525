"""docs/errors.md against the real command line: every row, its exit code and what is said."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import main
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


def test_an_interrupt_of_all_processes_is_told_of_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    code = (
        "import signal, sys, time, pipeline.cli, pipeline.executor\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def slow(*a, **k):\n    print('here', file=sys.stderr, flush=True); time.sleep(60)\n"
        "pipeline.executor.DaskExecutor.run = slow\n"
        f"sys.exit(pipeline.cli.main(['run', {str(world.region())!r}, '--out', {str(tmp_path / 'out')!r}, "
        "'--workers', '2']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "here" in line:
                break
        # As a terminal does it: workers hear it, too.
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(30) == 130
    assert "Traceback" not in said
    assert [line for line in said.splitlines() if line and "tile/s" not in line] == [
        "groundplan: interrupted; what was finished is kept and the next run takes it over"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "x.toml", "--workers", "x"], "'x' is no number of workers"),
        (["run", "x.toml", "--workers", "-1"], "choose 0 (no worker processes) to 1024"),
        (["evaluate", "x", "--precision", "high"], "high is no share"),
        (["evaluate", "x", "--precision", "bulding=0.9"], "did you mean 'building'"),
        (["chips", "self", "a", "--label", "bulding"], "did you mean 'building'"),
    ],
)
def test_arguments_that_are_none_are_named_in_words(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert said in capsys.readouterr().err


def test_ending_a_review_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("review.server.serve", stopped)
    assert main(["review", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
