"""The command line: arguments in, exit code out; everything heavy is imported by the command that needs it."""

import logging
import os
import sys
import traceback
from collections.abc import Sequence

from groundplan.errors import Error, OutputError
from pipeline.arguments import make_parser

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done; 1 an error of ours, one line on stderr; 2 usage; 3 done, but some tiles failed and are listed in
        the report; 130 interrupted.
    """
    parser = make_parser()
    arguments = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose > 1 else logging.INFO if arguments.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s" if arguments.verbose else "%(levelname)s: %(message)s",
        stream=sys.stderr,
        force=True,
    )
    try:
        command = _command(arguments.command)
        return int(command(arguments))
    except KeyboardInterrupt:
        resumes = arguments.command in ("run", "detect", "train")
        _say("interrupted" + "; what was finished is kept and the next run takes it over" * resumes)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as in `groundplan score ... | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Error, OSError) as err:
        known = err if isinstance(err, Error) else OutputError(f"{err}; check the disk and the permissions")
        _say(" ".join(str(known).split()))
        if arguments.verbose:
            traceback.print_exc()
        return 1


def _say(text: str) -> None:
    # Names in files from strangers may hold control characters that terminals obey.
    plain = "".join(char if char.isprintable() else "?" for char in text)
    print(f"groundplan: {plain}", file=sys.stderr)  # noqa: T201 - the command line speaks


def _command(name: str):  # type: ignore[no-untyped-def]
    from pipeline import commands

    return getattr(commands, name)
