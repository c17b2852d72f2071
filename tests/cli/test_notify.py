"""Commands and web addresses that are told of a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.cli.conftest import User, task, waits, writes


class Hook(ThreadingHTTPServer):
    """Takes what is posted, after it refused as many times as it was told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[str, Any]] = []
        self.refuse = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.refuse -= 1
        if self.server.refuse < 0:
            self.server.came.append((self.path, json.loads(body)))
        self.send_response(503 if self.server.refuse >= 0 else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_command_is_told_of_failures_and_of_the_end(user: User) -> None:
    told = user.base / "told"
    user.place_program("tell", f'cat >> "{told}"; echo >> "{told}"; echo "$1" >> "{user.base}/words"')
    tasks = user.tasks(task("bad", ["false"], maxRetries=0), task("good", writes("g"), files=["g"]))
    assert user.swarm("run", tasks, "--notify", "tell 'two words'").code == 1
    documents = [json.loads(line) for line in told.read_text().splitlines()]
    assert [(one["type"], one["task"]) for one in documents] == [("failure", "bad"), ("finish", None)]
    assert documents[0]["text"] == 'task bad "Do bad" failed: exit code 1'
    assert documents[0]["event"]["type"] == "worker_exited"
    assert documents[1]["text"].endswith(": 1 completed, 1 failed")
    assert (user.base / "words").read_text() == "two words\n" * 2


def test_an_address_is_told_though_it_fails_at_first_and_no_secret_gets_there_or_into_the_ledger(
    user: User, hook: Hook
) -> None:
    user.write("swarm.toml", f'[notify]\nurl = "{hook.url}/$HOOK_TOKEN"\non = ["escalation", "finish"]\n')
    result = '{"schema_version":1,"type":"blocked","task_id":"a","status":"blocked","detail":"needs hunter2hunter2"}'
    blocked = ["sh", "-c", f"echo '{result}' > .swarm/result.json"]
    hook.refuse = 2
    said = user.swarm("run", user.tasks(task("a", blocked)), HOOK_TOKEN="t0p-s3cret-path", MY_SECRET="hunter2hunter2")
    assert said.code == 1
    assert [(path, one["type"]) for path, one in hook.came] == [
        ("/t0p-s3cret-path", "escalation"),
        ("/t0p-s3cret-path", "finish"),
    ]
    assert hook.came[0][1]["text"] == 'task a "Do a" is blocked: needs ***'
    assert hook.came[0][1]["id"].startswith(user.runs()[0])
    ledger = user.ledger
    assert "t0p-s3cret" not in ledger + said.out + said.err and hook.url not in ledger
    assert (user.folder_of() / "notify.json").stat().st_mode & 0o077 == 0


def test_what_a_killed_mayor_did_not_tell_the_next_one_tells(user: User, hook: Hook) -> None:
    bad = task("bad", ["false"], maxRetries=0)
    tasks = user.tasks(bad, task("slow", waits(user.gate()), files=["y"]))
    hook.refuse = 10_000
    user.write("swarm.toml", f'notify = {{ url = "{hook.url}" }}\n')
    mayor = user.start("run", tasks, "--land", "never")
    user.until(lambda: hook.refuse < 10_000)
    mayor.kill()
    mayor.communicate()
    assert hook.came == []
    hook.refuse = 0
    user.gate().touch()
    assert user.swarm("resume").code == 1
    assert [one["type"] for _, one in hook.came] == ["failure", "finish"]
    assert user.swarm("retry", "bad").code == 1
    assert [one["type"] for _, one in hook.came] == ["failure", "finish", "failure", "finish"], "nothing is told anew"


@pytest.mark.parametrize(
    ("command", "warning"),
    [("no-such-program", "No such file"), ("sh -c 'exit 3'", "it ended with exit code 3")],
)
def test_a_command_that_fails_is_a_warning_and_no_more(user: User, command: str, warning: str) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a"), files=["a"])), "--notify", command)
    assert said.code == 0
    assert f"warning: the command of notify was not told: " in said.out and warning in said.out


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('notify = "a \'b"', "cannot be split into words"),
        ('[notify]\nurl = "ftp://x"', "is no address of the web"),
        ('[notify]\nurl = "https://x"\non = ["party"]', "wants one of finish, failure, escalation, budget"),
        ('[notify]\non = ["finish"]', "names nobody who is to be told"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(user: User, table: str, problem: str) -> None:
    user.write("swarm.toml", table + "\n")
    said = user.swarm("run", user.tasks(task("a", writes("a"))))
    assert (said.code, problem in said.err) == (2, True), said.err
