"""A run folder -> its review page on 127.0.0.1, and each decision saved in review/decisions.jsonl at once."""

import contextlib
import hmac
import html
import mimetypes
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from groundplan.errors import ConfigError, Error, SchemaError
from review.decisions import check_decision, parse_decision
from review.decisions_file import DECISIONS_NAME, append_line
from review.page import DATA_NAME, read_page_data

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8765
"""Fixed, because browsers keep their storage per port."""

MAX_BODY_BYTES: Final = 1 << 20
"""Largest decision taken: an outline of 32,000 vertices, far above what OSM allows a way."""

TOKEN_META: Final = '<meta name="groundplan-token" content="'

HEADERS: Final[tuple[tuple[str, str], ...]] = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),  # no other page may frame ours and steer clicks
    ("Content-Security-Policy", "frame-ancestors 'none'"),  # a meta element cannot say this one
    ("Cross-Origin-Resource-Policy", "same-origin"),  # no other page may load our data as its script
    ("Referrer-Policy", "no-referrer"),
)

TYPES: Final[dict[str, str]] = {".js": "text/javascript; charset=utf-8", ".jsonl": "application/jsonl"}


class Proposed(NamedTuple):
    """What the run knows of a proposal, whatever a page says."""

    label: str
    polygon: str
    """WKT in EPSG:4326, as in decisions."""
    imagery: str
    """Id of the imagery that is looked at."""


class ReviewServer(ThreadingHTTPServer):
    """Serves one review folder; made by `make_server`, closed by its context manager."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.resolve()
        self.token = secrets.token_urlsafe(32)
        self.proposals: dict[str, Proposed] = {}
        self.lock = threading.Lock()
        self._stamp: tuple[int, ...] = ()
        self._read_proposals()
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as err:
            raise ConfigError(f"cannot listen on {HOST}:{port} ({err}); choose another with --port") from err

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def save(self, text: str) -> None:
        """Append one decision and wait until the disk has it.

        What the label, outline and imagery are is known here; only the decision itself is taken from the
        page.

        Raises
        ------
        SchemaError
            It is not a decision about one of the run's proposals.
        OutputError
            It cannot be written.
        """
        given = parse_decision(text)
        with self.lock:
            # A folder without a whole page, as while a run is made anew, changes nothing that is known.
            with contextlib.suppress(SchemaError, OSError):
                self._read_proposals()
            if given.id not in self.proposals:
                raise SchemaError(
                    f"decision is about {given.id!r}, which this run does not propose; reload the page"
                )
            decision = check_decision(replace(given, **self.proposals[given.id]._asdict()))
            append_line(self.folder / DECISIONS_NAME, decision)

    def _read_proposals(self) -> None:
        """Read what is proposed, when the run has written it anew since.

        What was proposed before stays known: a page that was opened then still shows it, and what is decided there
        is about its outlines.
        """
        stamp = _stamp(self.folder / DATA_NAME)
        if stamp and stamp == self._stamp:
            return
        data = read_page_data(self.folder)
        imagery = str(data["imagery"]["id"])
        self.proposals |= {
            change["id"]: Proposed(label=change["label"], polygon=change["polygon"], imagery=imagery)
            for change in data["changes"]
            if change["status"] in ("new", "review")
        }
        self._stamp = stamp


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written anew; empty when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


class _Handler(BaseHTTPRequestHandler):
    """Answers one request; reads from the review folder only, writes decisions only."""

    server: ReviewServer
    server_version = "groundplan"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Give a file of the review folder, or the decisions saved so far."""
        self._answer(self._get)

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Save one decision."""
        self._answer(self._post)

    def _answer(self, method: Callable[[], None]) -> None:
        # A foreign name in Host means that a foreign page had its own name point here (DNS rebinding).
        port = self.server.server_port
        if self.headers.get("Host", "") not in (f"{HOST}:{port}", f"localhost:{port}"):
            return self._refuse(403, f"unknown host; open http://{HOST}:{port}/")
        try:
            method()
        except SchemaError as err:
            self._refuse(400, str(err))
        except Error as err:
            self._refuse(500, str(err))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except OSError as err:
            self._refuse(500, f"cannot read it: {err.strerror or err}")
        return None

    def _get(self) -> None:
        path = urlsplit(self.path).path
        if path == "/decisions":
            if not self._has_token():
                return self._refuse(403, "no valid token; reload the page from this server")
            saved = self.server.folder / DECISIONS_NAME
            body = saved.read_bytes() if saved.is_file() and not saved.is_symlink() else b""
            return self._send(200, body, "application/jsonl")
        found = served_file(self.server.folder, path)
        if found is None:
            return self._refuse(404, "no such file in the review folder")
        body = found.read_bytes()
        if found.name == "index.html":
            mark = TOKEN_META.encode()
            body = body.replace(mark, mark + html.escape(self.server.token).encode(), 1)
        kind = TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0] or "application/octet-stream"
        return self._send(200, body, kind)

    def _post(self) -> None:
        if urlsplit(self.path).path != "/decisions":
            return self._refuse(404, "only /decisions takes what is sent")
        if not self._has_token() or not self._own_origin():
            return self._refuse(403, "no valid token; reload the page from this server")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            return self._refuse(411, "no length; send Content-Length")
        if len(length) > 9 or int(length) > MAX_BODY_BYTES:
            return self._refuse(413, f"{length[:20]} bytes; at most {MAX_BODY_BYTES} are taken")
        try:
            text = self.rfile.read(int(length)).decode("utf-8")
        except UnicodeDecodeError:
            return self._refuse(400, "decision is not UTF-8; send JSON")
        self.server.save(text)
        return self._send(200, b'{"saved": true}\n', "application/json")

    def _has_token(self) -> bool:
        given = self.headers.get("X-Groundplan-Token", "")
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.server.token.encode())

    def _own_origin(self) -> bool:
        port = self.server.server_port
        origin = self.headers.get("Origin")
        return origin is None or origin in (f"http://{HOST}:{port}", f"http://localhost:{port}")

    def _refuse(self, code: int, text: str) -> None:
        self.close_connection = True  # a body may be left unread
        one_line = " ".join(text.split())
        self._send(code, f"{one_line}\n".encode("utf-8", "replace"), "text/plain; charset=utf-8")

    def _send(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        for name, value in HEADERS:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a line per chip on stderr would hide what matters."""


def served_file(folder: Path, path: str) -> Path | None:
    """Return the file that an address path stands for, or None when it may not be served.

    Only plain files inside `folder` are served: no ``..``, no hidden names, no links that lead out.

    Parameters
    ----------
    folder : Path
        The review folder, resolved.
    path : str
        Path of the address, percent-encoded, such as ``/chips/000001.jpg``; ``/`` is the page itself.
    """
    names = unquote(path, errors="replace").removeprefix("/") or "index.html"
    parts = names.split("/")
    if any(part in ("", "..") or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        return None
    try:
        found = folder.joinpath(*parts).resolve()
        inside = found.is_relative_to(folder) and found.is_file()
    except (OSError, ValueError):
        return None
    return found if inside else None


def make_server(run_dir: str | os.PathLike[str], *, port: int = DEFAULT_PORT) -> ReviewServer:
    """Return a server for the run's review page, listening but not yet answering.

    Parameters
    ----------
    run_dir : path-like
        A run folder with a review page.
    port : int
        On 127.0.0.1; 0 takes any free one.

    Raises
    ------
    SchemaError
        The folder has no review page.
    ConfigError
        The port is taken or not allowed.
    """
    return ReviewServer(Path(run_dir) / "review", port)


def serve(
    run_dir: str | os.PathLike[str],
    *,
    port: int = DEFAULT_PORT,
    announce: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the run's review page until interrupted.

    Parameters
    ----------
    run_dir, port
        As `make_server`.
    announce : callable
        Gets the page's address once it can be opened.

    Raises
    ------
    SchemaError, ConfigError
        As `make_server`.
    KeyboardInterrupt
        When the user stops it; all decisions are on the disk by then.
    """
    with make_server(run_dir, port=port) as server:
        announce(server.url)
        server.serve_forever(poll_interval=0.2)
