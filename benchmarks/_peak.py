"""Code in a process of its own -> its result, the most memory it ever had, and its processor time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# The peak is the process's own: what the system says of a child counts its parent's memory at the start.
TAIL = """
import json, time
from pathlib import Path
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([result, int(status["VmHWM"].split()[0]) / 1024, time.process_time()]))
"""


def run_alone(code: str, *arguments: object) -> tuple[Any, float, float]:
    """Run Python code that leaves something in `result`.

    Parameters
    ----------
    code : str
        Finds its arguments in `sys.argv` and prints nothing.
    *arguments : object

    Returns
    -------
    tuple
        The result, as JSON can hold it; the peak in MB (of 1024 kB); processor seconds.

    Raises
    ------
    subprocess.CalledProcessError
        The code failed.
    """
    command = [sys.executable, "-c", code + TAIL, *map(str, arguments)]
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE)
    result, peak_mb, seconds = json.loads(done.stdout)
    return result, peak_mb, seconds
