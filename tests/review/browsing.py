"""A browser's page and a run folder -> what a reviewer does and sees; shared by the tests in a real browser."""

import json
import re
import threading
import time
from contextlib import contextmanager

from review.server import make_server


@contextmanager
def running(run_dir):
    with make_server(run_dir, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def opened(page, address):
    page.goto(address)
    page.wait_for_selector("#list [role=option]")
    return page


def wait_for(page, where, text):
    """Wait for a text; Playwright's wait_for_function needs eval, which the page's policy forbids."""
    # As a pattern, because a plain has_text ignores case: "Saved" would be found in "1 not saved yet".
    page.locator(where).filter(has_text=re.compile(re.escape(text))).wait_for(state="attached", timeout=60_000)


def wait_for_lines(path, count):
    """Wait until a file has so many lines: what the page says may still be about the decision before."""
    end = time.monotonic() + 60
    while path.read_text(encoding="utf-8").count("\n") < count and time.monotonic() < end:
        time.sleep(0.02)
    assert path.read_text(encoding="utf-8").count("\n") == count


def index(run_dir):
    return (run_dir / "review" / "index.html").as_uri()


def decided_lines(run_dir):
    return [json.loads(line) for line in (run_dir / "review/decisions.jsonl").read_text().splitlines()]


def chosen(page):
    return page.evaluate("document.querySelector('#facts dl').lastElementChild && JSON.stringify("
                         "[...document.querySelectorAll('#facts dt')].find(dt => dt.textContent === 'Id')"
                         ".nextElementSibling.textContent)").strip('"')  # fmt: skip


def downloaded(page, tmp_path):
    with page.expect_download() as waited:
        page.keyboard.press("d")
    assert waited.value.suggested_filename == "decisions.jsonl"
    waited.value.save_as(tmp_path / "decisions.jsonl")
    return (tmp_path / "decisions.jsonl").read_text(encoding="utf-8")
