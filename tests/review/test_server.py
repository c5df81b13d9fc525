import http.client
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundplan.errors import ConfigError, SchemaError
from groundplan.whole import write_text_whole
from review.decisions import current_decisions
from review.server import make_server, serve, served_file
from tests.review.browsing import running


@pytest.fixture
def run_dir(tmp_path, example_run):
    (tmp_path / "review").mkdir()
    for name in ("index.html", "data.js", "app.js"):
        (tmp_path / "review" / name).write_bytes((example_run / "review" / name).read_bytes())
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


def ask(server, method, path, *, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def decision(change_id="c-00000", **changed):
    usual = {
        "id": change_id,
        "label": "building",
        "polygon": "POLYGON ((0 0, 1 0, 1 1, 0 0))",
        "decision": "accepted",
    }
    return json.dumps(
        usual | {"reason": "", "who": "Ada", "when": "2026-06-01T12:00:00Z", "imagery": "x"} | changed
    )


def with_token(server, **more):
    return {"X-Groundplan-Token": server.token, "Content-Type": "application/json"} | more


def test_a_decision_with_the_token_becomes_a_line_with_the_runs_own_outline(run_dir):
    with running(run_dir) as server:
        answer, _ = ask(server, "POST", "/decisions", body=decision(), headers=with_token(server))
        assert answer.status == 200
        label, polygon, imagery = server.proposals["c-00000"]
    (held,) = current_decisions((run_dir / "review/decisions.jsonl").read_text().splitlines()).values()
    assert (held.decision, held.who, held.imagery) == ("accepted", "Ada", imagery) and imagery == "demo-2026"
    assert (held.label, held.polygon) == (label, polygon)


def test_a_run_made_anew_behind_the_server_is_read_and_what_older_pages_show_stays_known(run_dir):
    data = run_dir / "review" / "data.js"
    before = data.read_text()
    with running(run_dir) as server:

        def status(change_id):
            return ask(server, "POST", "/decisions", body=decision(change_id), headers=with_token(server))[
                0
            ].status

        assert status("c-fresh") == 400
        write_text_whole(data, before.replace("c-00000", "c-fresh").replace("demo-2026", "later"))
        assert [status("c-fresh"), status("c-00000"), status("c-00001")] == [200, 200, 200]
        data.unlink()
        assert status("c-fresh") == 200
        data.write_text("half")
        assert status("c-fresh") == 200
        assert status("c-unknown") == 400
    held = current_decisions((run_dir / "review/decisions.jsonl").read_text().split("\n"))
    assert {name: each.imagery for name, each in held.items()} == {
        "c-fresh": "later", "c-00000": "demo-2026", "c-00001": "later",
    }  # fmt: skip
    assert held["c-fresh"].polygon == held["c-00000"].polygon


@pytest.mark.parametrize("headers", [{}, {"X-Groundplan-Token": "guess"}, {"X-Groundplan-Token": ""}])
def test_nothing_is_written_or_told_without_the_token(run_dir, headers):
    with running(run_dir) as server:
        assert ask(server, "POST", "/decisions", body=decision(), headers=headers)[0].status == 403
        assert ask(server, "GET", "/decisions", headers=headers)[0].status == 403
    assert not (run_dir / "review/decisions.jsonl").exists()


def test_another_page_or_another_name_for_this_host_is_refused_even_with_the_token(run_dir):
    with running(run_dir) as server:
        foreign = with_token(server, Origin="http://evil.example")
        assert ask(server, "POST", "/decisions", body=decision(), headers=foreign)[0].status == 403
        rebound = with_token(server, Host="evil.example")
        assert ask(server, "POST", "/decisions", body=decision(), headers=rebound)[0].status == 403
        assert ask(server, "GET", "/", headers={"Host": f"evil.example:{server.server_port}"})[0].status == 403
        own = with_token(server, Origin=f"http://127.0.0.1:{server.server_port}")
        assert ask(server, "POST", "/decisions", body=decision(), headers=own)[0].status == 200


def test_the_token_stands_in_the_page_and_nowhere_else(run_dir):
    with running(run_dir) as server:
        assert server.token in ask(server, "GET", "/")[1]
        assert server.token not in ask(server, "GET", "/data.js")[1]
        answer, _ = ask(server, "GET", "/")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_each_start_has_another_token(run_dir):
    with make_server(run_dir, port=0) as one, make_server(run_dir, port=0) as two:
        assert one.token != two.token


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("{", 400, "not JSON"),
        ("[]", 400, "JSON list"),
        (decision("c-unknown"), 400, "which this run does not propose"),
        (decision("c-00003"), 400, "which this run does not propose"),  # matched: nothing to decide
        (decision(decision="deleted"), 400, "must be one of"),
        (decision(who="x" * 1000), 400, "1000 characters"),
        (decision(reason="a\nb"), 400, "printable"),
        (b"\xff\xfe", 400, "not UTF-8"),
    ],
)
def test_a_bad_decision_gets_one_line_and_leaves_no_trace(run_dir, body, status, said):
    with running(run_dir) as server:
        answer, text = ask(server, "POST", "/decisions", body=body, headers=with_token(server))
    assert answer.status == status
    assert said in text
    assert text.count("\n") == 1
    assert not (run_dir / "review/decisions.jsonl").exists()


def test_a_body_without_length_or_too_long_is_refused_unread(run_dir):
    with running(run_dir) as server:
        for length, status in (("2000000", 413), ("9" * 5000, 413), ("-1", 411), ("x", 411)):
            headers = with_token(server, **{"Content-Length": length})
            assert ask(server, "POST", "/decisions", headers=headers)[0].status == status


@pytest.mark.parametrize("path", ["/other", "/", "/decisions.jsonl", "/app.js"])
def test_only_decisions_are_taken(run_dir, path):
    with running(run_dir) as server:
        assert ask(server, "POST", path, body=decision(), headers=with_token(server))[0].status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_not_answered(run_dir, method):
    with running(run_dir) as server:
        assert ask(server, method, "/decisions", headers=with_token(server))[0].status == 501


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/%2e%2e/secret.txt", "/%252e%252e/secret.txt", "/%2E%2E%2Fsecret.txt",
        "/..;/secret.txt", "/..%2fsecret.txt", "//secret.txt", "/chips/../../secret.txt",
        "/link.txt", "/folder/secret.txt", "/.hidden", "/%00", "/..%5csecret.txt", "/chips", "/" + "a" * 5000,
    ],
)  # fmt: skip
def test_nothing_outside_the_review_folder_is_served(run_dir, path):
    review = run_dir / "review"
    (review / "link.txt").symlink_to(run_dir / "secret.txt")
    (review / "folder").symlink_to(run_dir)
    (review / ".hidden").write_text("hidden")
    (review / "chips").mkdir()
    with running(run_dir) as server:
        answer, text = ask(server, "GET", path)
    assert answer.status == 404
    assert "secret" not in text


@given(st.text(alphabet="./\\%2ef5c0abc", max_size=30))
def test_no_path_leads_out(path):
    """Whatever the path, what is served lies inside; checked against the resolved path itself."""
    from pathlib import Path

    folder = Path(__file__).resolve().parent
    found = served_file(folder, "/" + path)
    assert found is None or found.is_relative_to(folder)


def test_the_own_files_are_served_with_their_kind(run_dir):
    with running(run_dir) as server:
        kinds = {
            path: ask(server, "GET", path)[0].headers["Content-Type"] for path in ("/", "/app.js", "/index.html")
        }
        head, body = ask(server, "HEAD", "/app.js")
    assert kinds["/"] == kinds["/index.html"] == "text/html"
    assert kinds["/app.js"].startswith("text/javascript")
    assert (head.status, body) == (200, "")
    assert int(head.headers["Content-Length"]) == (run_dir / "review/app.js").stat().st_size


def test_decisions_from_many_threads_are_whole_lines(run_dir):
    with running(run_dir) as server:
        ids = sorted(server.proposals)
        threads = [
            threading.Thread(target=ask, args=(server, "POST", "/decisions"),
                             kwargs={"body": decision(each), "headers": with_token(server)})
            for each in ids
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    held = current_decisions((run_dir / "review/decisions.jsonl").read_text().splitlines())
    assert sorted(held) == ids


def test_a_taken_port_and_a_folder_without_a_page_are_named(run_dir, tmp_path_factory):
    with (
        make_server(run_dir, port=0) as server,
        pytest.raises(ConfigError, match=f"127.0.0.1:{server.server_port}"),
    ):
        make_server(run_dir, port=server.server_port)
    with pytest.raises(ConfigError, match="--port"):
        make_server(run_dir, port=99999)
    with pytest.raises(SchemaError, match="no review page"):
        make_server(tmp_path_factory.mktemp("empty"), port=0)


def test_serve_tells_its_address_before_it_answers(run_dir):
    told = []

    def stop(url):
        told.append(url)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(run_dir, port=0, announce=stop)
    assert told[0].startswith("http://127.0.0.1:")
