"""`swarm serve` as programs see it: documents, events that can be resumed, who may act, how it ends."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator

from swarmskill.core import events as ev
from swarmskill.model import Task
from swarmskill.web.operations import OPERATIONS
from tests.cli.conftest import User, end_left_overs, task, waits, writes
from tests.cli.served import RUN, Server, served, write_ledger
from tests.unit.views.stories import Story


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    user = User(tmp_path_factory.mktemp("serve").resolve())
    user.make_repository()
    yield user
    end_left_overs(user)


@pytest.fixture(scope="module")
def server(user: User) -> Iterator[Server]:
    """A server over a run whose ledger has 1 000 events."""
    story = Story(Task(id="a", subject="A"), Task(id="b", subject="B", blocked_by=("a",))).starts("a")
    while len(story.events) < 1000:
        report = ev.WorkerReported(at=story.wait(0.1).now, task="a", attempt=1, session=str(len(story.events)))
        story.tell(report)
    write_ledger(user, story.events)
    with served(user) as server:
        yield server


def test_a_client_that_is_cut_off_again_and_again_misses_no_event_and_sees_none_twice(server: Server) -> None:
    numbers: list[int] = []
    last, over = "", False
    for cut in range(1, 100):
        connection = http.client.HTTPConnection(server.host, timeout=60)
        connection.request("GET", f"/api/runs/{RUN}/events", headers={"Last-Event-ID": last} if last else {})
        stream = connection.getresponse()
        assert (stream.status, stream.headers.get_content_type()) == (200, "text/event-stream")
        taken = 0
        while taken < 17 * cut and (line := stream.readline().decode()):
            if line.startswith("id: "):
                name = line[4:].rstrip("\n")
            elif line.startswith("data: ") and line != "data: {}\n":
                numbers.append(json.loads(line[6:])["n"])
                last, taken = name, taken + 1
            over |= line == "event: over\n"
        connection.close()
        if over:
            break
    assert over
    assert cut > 5
    assert numbers == list(range(1, 1001))
    assert server.ask("GET", f"/api/runs/{RUN}/events", Last_Event_ID="no id")[0] == 400


def test_the_description_is_true(server: Server) -> None:
    status, document, _ = server.ask("GET", "/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(one.method, one.path) for one in OPERATIONS}
    for one in OPERATIONS:
        answers = document["paths"][one.path][one.method.lower()]["responses"]
        path = one.path.replace("{run}", "no-such-run").replace("{task}", "a/b")
        status, told, _ = server.act(path) if one.method == "POST" else server.ask("GET", path)
        assert str(status) in answers, (one.path, status)
        if status != 200:
            Draft202012Validator({**document["components"]["schemas"]["Error"]}).validate(told)
        wrong = server.ask("PUT", path, Authorization=f"Bearer {server.token}")
        assert wrong[0] == 405
        if one.method == "GET" and one.schema:
            status, told, _ = server.ask("GET", one.path.replace("{run}", RUN))
            assert status == 200
            Draft202012Validator(answers["200"]["content"]["application/json"]["schema"]).validate(told)
    assert server.ask("GET", "/nothing")[0] == 404


def test_documents_are_those_of_the_verbs(user: User, server: Server) -> None:
    status, run, headers = server.ask("GET", f"/api/runs/{RUN}")
    told = user.swarm("status", RUN, "--json").document
    assert (run["tasks"][1], run["outcome"], run["branch"]) == (told["tasks"][1], told["outcome"], told["branch"])
    assert [one["run_id"] for one in server.ask("GET", "/api/runs")[1]["runs"]] == user.runs()
    assert headers["X-Frame-Options"] == "DENY" and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers
    tree = server.ask("GET", f"/api/runs/{RUN}/tree")[1]
    assert [(one["run_id"], one["parent"]) for one in tree["runs"]] == [(RUN, None)]
    assert tree["total"] == tree["runs"][0]["used"]
    assert server.ask("GET", "/api/runs/../../etc/passwd")[0] == 404
    assert server.ask("GET", "/static/..%2f..%2fhtml.py")[0] == 404


def test_nobody_acts_without_the_token_or_from_another_page(server: Server) -> None:
    stop = f"/api/runs/{RUN}/stop"
    assert server.ask("POST", stop)[0] == 401
    assert server.ask("POST", stop, Authorization="Bearer wrong")[0] == 401
    assert server.ask("POST", stop, Authorization=f"Bearer {server.token}", Origin="https://evil.example")[0] == 403
    assert server.ask("GET", "/api/runs", Host="evil.example")[0] == 403
    assert server.ask("POST", f"{stop}?token={server.token}")[0] == 401  # an address is no proof of a will
    assert server.ask("OPTIONS", stop, Origin="https://evil.example")[0] == 403


def test_the_first_visit_leaves_a_cookie_and_takes_the_token_out_of_the_address(server: Server) -> None:
    status, _, headers = server.ask("GET", f"//evil.example/%2e?x=1&token={server.token}")
    assert (status, headers["Location"]) == (303, "/evil.example/.?x=1")
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    shown = cookie.partition(";")[0]
    stop = f"/api/runs/{RUN}/tasks/a/retry"
    assert server.ask("POST", stop, Cookie=shown)[0] == 403
    status, told, _ = server.ask("POST", stop, Cookie=shown, Origin=f"http://{server.host}")
    assert (status, told["error"]["code"]) == (409, "usage")
    assert "nothing to try again" in told["error"]["message"]
    assert server.ask("GET", "/?token=wrong")[0] == 200  # reading is open here


def test_with_a_token_of_ones_own_reading_needs_it_too(user: User) -> None:
    with served(user, "--token", "open sesame") as server:
        assert server.url.endswith("/?token=open%20sesame") and server.token == "open sesame"
        assert server.ask("GET", "/api/runs")[0] == 401
        assert server.ask("GET", "/static/style.css")[0] == 401
        assert server.ask("GET", "/api/runs", X_Swarm_Token="open sesame")[0] == 200


def test_ctrl_c_ends_the_server_though_streams_are_open(user: User) -> None:
    with served(user) as server:
        connection = http.client.HTTPConnection(server.host, timeout=60)
        connection.request("GET", f"/api/runs/{RUN}/events?stay=true&after=end")
        stream = connection.getresponse()
        assert stream.readline() == b"retry: 1000\n"
        assert server.interrupt() == 0
        assert stream.read().strip() == b""
        connection.close()
        assert server.process.stderr and server.process.stderr.read() == b""


def test_a_port_that_is_taken_is_said(user: User, server: Server) -> None:
    said = user.swarm("serve", "--port", server.host.rpartition(":")[2])
    assert said.code == 1
    assert re.match(r"error: cannot listen on 127.0.0.1 port \d+: Address already in use\n hint: .*--port 0", said.err)


def test_a_run_is_stopped_and_a_task_is_tried_again(user: User) -> None:
    gate = user.gate()
    fails_once = ["sh", "-c", f"[ -e '{gate}' ] || exit 3; echo x > a"]
    tasks = user.tasks(task("with/slash", fails_once), task("b", waits(gate)), task("c", writes("c"), blockedBy=["b"]))
    run = user.swarm("run", tasks, "--detach", "--max-retries", "0", "--json").document["run_id"]
    user.until_running("b")
    with served(user) as server:
        one = f"/api/runs/{run}"
        user.until(lambda: server.ask("GET", one)[1]["tasks"][2]["outcome"] == "failed", 60)
        status, told, _ = server.act(f"{one}/stop")
        assert (status, told["run_id"]) == (200, run)
        gate.touch()
        user.until(lambda: server.ask("GET", one)[1]["outcome"] == "stopped", 60)
        status, told, _ = server.act(f"{one}/tasks/with%2Fslash/retry")
        assert status == 200, told
        user.until(lambda: server.ask("GET", one)[1]["outcome"] == "completed", 60)
    assert user.swarm("wait", run).code == 0
