"""Bytecode that processes share; a real HTTP server on this machine, with range requests, faults and slowness."""

import http.server
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run: what is green here is green elsewhere.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

if sys.dont_write_bytecode:
    # Where bytecode is not to be written, as in many containers, each process that a test starts compiles pandas,
    # Dask and the like anew: twice its time, and three times where it needs torch. So they share a folder of ours.
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(
        Path(__file__).resolve().parents[1] / ".pytest_cache" / "bytecode"
    )
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


class FolderServer:
    """Serves a folder; counts and spoils requests as told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.every_fails = 0
        """Each n-th request fails; 0 = none."""
        self.kinds = ("503", "drop", "short")
        """How requests fail, in turn."""
        self.delay_s = 0.0
        self.headers: dict[str, str] = {}
        """Said of every file."""
        self.refused: dict[str, int] = {}
        """Method -> the status that it is always answered with."""
        self.login = ""
        """What the header Authorization must say; "" = nothing."""
        self.requests: list[tuple[str, float]] = []
        self._lock = threading.Lock()
        self._faults = 0
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                owner.answer(self, body=False)

            def do_GET(self) -> None:
                owner.answer(self, body=True)

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def faults(self) -> int:
        return self._faults

    def _fault(self, path: str) -> str:
        with self._lock:
            self.requests.append((path, time.monotonic()))
            if not self.every_fails or len(self.requests) % self.every_fails:
                return ""
            self._faults += 1
            return self.kinds[(self._faults - 1) % len(self.kinds)]

    def answer(self, handler: http.server.BaseHTTPRequestHandler, *, body: bool) -> None:
        time.sleep(self.delay_s)
        fault = self._fault(handler.path)
        if handler.command in self.refused:
            fault = str(self.refused[handler.command])
        elif self.login and handler.headers.get("Authorization") != self.login:
            fault = "401"
        if fault == "drop":
            handler.close_connection = True
            return
        if fault.isdigit():
            handler.send_response(int(fault))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        path = self.folder / handler.path.split("?")[0].lstrip("/")
        if not path.is_file():
            handler.send_response(404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        data = path.read_bytes()
        wanted = handler.headers.get("Range")
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
            data = data[start : end + 1]
        else:
            handler.send_response(200)
        handler.send_header("Accept-Ranges", "bytes")
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if body:
            handler.wfile.write(data[: len(data) // 2] if fault == "short" else data)
            handler.close_connection = fault == "short"


@pytest.fixture
def serve_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], FolderServer]]:
    """Start servers of folders; tries follow one another without much patience."""
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.02")
    monkeypatch.setattr("tiling.fetch.FIRST_WAIT_S", 0.02)
    monkeypatch.setattr("tiling.patience.FIRST_WAIT_S", 0.02)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers: list[FolderServer] = []

    def start(folder: Path) -> FolderServer:
        servers.append(FolderServer(folder))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
