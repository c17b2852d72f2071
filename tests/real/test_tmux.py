"""Real tmux: what a person sees in a window, what it is called, and that nothing of it can harm a worker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from swarmskill.backends.base import Job, JobLost
from swarmskill.backends.orphans import end_orphans, remove_dead_sockets
from swarmskill.backends.tmux import TmuxBackend
from swarmskill.backends.tmux_server import TmuxServer, check_tmux, listens, window_name
from swarmskill.backends.windows import WindowFiles
from swarmskill.errors import Refused
from swarmskill.model import Ending
from swarmskill.places import safe_key
from tests.crash.scene import wait_until

LIMIT = 20.0
STARTS_LIMIT = 5.0 * 4
"""Seconds for fifty windows: five on two idle cores, and these are never idle."""

CLAUDE = [
    {"type": "system", "subtype": "init", "session_id": "s-1", "model": "claude-sonnet-4-5", "cwd": "/w"},
    {
        "type": "assistant",
        "message": {"id": "m1", "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "I will look first.\nThen write."}]},
    },
    {
        "type": "assistant",
        "message": {
            "id": "m2",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "pytest -q"}}],
        },
    },
    {"type": "result", "subtype": "success", "is_error": False, "result": "All done.", "session_id": "s-1",
     "usage": {"input_tokens": 1200, "output_tokens": 34}},
]  # fmt: skip


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[TmuxBackend]:
    backend = TmuxBackend(tmp_path / "windows")
    backend.open()
    yield backend
    for name in backend.running():
        backend.kill(name, force=True)
    backend.close()
    backend.server.end()


def job(folder: Path, name: str, *argv: str, env: dict[str, str] | None = None, **options: Any) -> Job:
    env = {"PATH": os.environ["PATH"], **(env or {})}
    return Job(name=name, argv=argv, cwd=folder, env=env, log=folder / "logs" / f"{safe_key(name)}.log", **options)


def tmux(backend: TmuxBackend, *words: str) -> str:
    ran = subprocess.run(["tmux", "-S", backend.server.socket, *words], capture_output=True, text=True, check=True)
    return ran.stdout


def seen(backend: TmuxBackend, name: str) -> str:
    """All that the window of a job shows."""
    window = backend.server.windows()[safe_key(name)]
    return tmux(backend, "capture-pane", "-p", "-J", "-S", "-", "-t", window.id)


def holder(backend: TmuxBackend, name: str) -> int:
    return backend.server.windows()[safe_key(name)].pid


def test_window_shows_what_the_agent_does_and_no_json(backend: TmuxBackend, tmp_path: Path) -> None:
    stream = tmp_path / "stream"
    stream.write_text("".join(json.dumps(line) + "\n" for line in CLAUDE))
    claude = job(tmp_path, "a-1", "cat", str(stream), agent="claude", label="a")
    assert backend.end("a-1", backend.start(claude)).result(LIMIT).exit_code == 0

    assert wait_until(lambda: "ended after" in seen(backend, "a-1"))
    shown = seen(backend, "a-1")
    for line in ("claude: a", "I will look first.", "Then write.", "> $ pytest -q", "1,234 tokens, ~$0.00"):
        assert line in shown
    assert "{" not in shown
    assert claude.log.read_text() == stream.read_text(), "the log has the stream as it was"


def test_window_of_a_command_shows_its_output_without_what_steers_a_terminal(
    backend: TmuxBackend, tmp_path: Path
) -> None:
    script = r"printf 'plain \033]0;title\007 and \033[31mred\033[0m\n'; printf 'no end'"
    end = backend.end("a-1", backend.start(job(tmp_path, "a-1", "sh", "-c", script, agent="command")))
    assert end.result(LIMIT).exit_code == 0

    assert wait_until(lambda: "ended after" in seen(backend, "a-1"))
    assert "plain  and red\nno end\n" in seen(backend, "a-1")
    assert tmux(backend, "display-message", "-p", "-t", "swarm:", "#{pane_title}").strip() != "title"


def test_stream_that_its_agent_cannot_read_is_shown_as_it_is(backend: TmuxBackend, tmp_path: Path) -> None:
    end = backend.end("a-1", backend.start(job(tmp_path, "a-1", "echo", "words", agent="no-such-agent")))
    assert end.result(LIMIT).exit_code == 0
    assert wait_until(lambda: "ended after" in seen(backend, "a-1"))
    assert "cannot be shown" in seen(backend, "a-1")


def test_secrets_are_neither_in_the_window_nor_left_in_the_folder(backend: TmuxBackend, tmp_path: Path) -> None:
    secret = "s3cr3t-value-of-a-token"
    started = backend.start(
        job(tmp_path, "a-1", "sh", "-c", "echo has $TOKEN", env={"TOKEN": secret}, masked=(secret,), agent="command")
    )
    backend.end("a-1", started).result(LIMIT)

    assert wait_until(lambda: "ended after" in seen(backend, "a-1"))
    assert "has ***" in seen(backend, "a-1")
    left = [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert left == []
    assert secret not in tmux(backend, "show-environment", "-g")
    assert stat.S_IMODE((tmp_path / "windows").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "label",
    [
        "1.2.3",
        "a:b",
        "two words",
        "🐝 ünï",
        "#(touch pwned)",
        "#{pane_pid}",
        "%",
        "-t",
        "a'b\"c",
        "x" * 300,
        "\x1b[2J",
        "",
    ],
)
def test_any_label_names_a_window_and_runs_nothing(backend: TmuxBackend, tmp_path: Path, label: str) -> None:
    started = backend.start(job(tmp_path, f"{label}-1", "sleep", "1000", label=label))
    window = backend.server.windows()[safe_key(f"{label}-1")]

    named = tmux(backend, "list-windows", "-a", "-F", "#{window_id} #{window_name}").splitlines()
    assert [line for line in named if line.startswith(f"{window.id} ")] == [
        f"{window.id} {window_name(label or f'{label}-1')}"
    ]
    assert tmux(
        backend, "display-message", "-p", "-t", backend.server.attach_words(window)[-1], "#{pane_pid}"
    ).strip() == str(window.pid)
    backend.kill(f"{label}-1", force=True)
    assert backend.end(f"{label}-1", started).result(LIMIT).exit_code == 137
    assert not list(tmp_path.rglob("pwned"))


def test_killed_tmux_server_ends_no_worker_and_the_next_one_gets_a_new_server(
    backend: TmuxBackend, tmp_path: Path
) -> None:
    started = backend.start(job(tmp_path, "a-1", "sh", "-c", "sleep 0.7; echo still here; exit 3", agent="command"))
    end = backend.end("a-1", started)
    server = int(tmux(backend, "display-message", "-p", "#{pid}"))
    os.kill(server, signal.SIGKILL)

    second = backend.start(job(tmp_path, "b-1", "true"))
    assert (end.result(LIMIT).ending, end.result(LIMIT).exit_code) == (Ending.EXITED, 3)
    assert "still here" in (tmp_path / "logs" / "a-1.log").read_text()
    assert backend.end("b-1", second).result(LIMIT).exit_code == 0
    assert list(backend.server.windows()) == ["b-1"]


def test_closed_window_ends_no_worker(backend: TmuxBackend, tmp_path: Path) -> None:
    started = backend.start(job(tmp_path, "a-1", "sh", "-c", "sleep 0.5; exit 4"))
    tmux(backend, "kill-window", "-t", backend.server.windows()["a-1"].id)
    assert backend.end("a-1", started).result(LIMIT).exit_code == 4


@pytest.mark.parametrize("key", ["C-c", "C-z", "C-s", "C-\\", "C-d"])
def test_keys_in_a_window_neither_end_nor_stop_a_worker(backend: TmuxBackend, tmp_path: Path, key: str) -> None:
    script = "sleep 0.3; yes 123456789012345678901234567890 | head -c 500000; exit 5"
    started = backend.start(job(tmp_path, "a-1", "sh", "-c", script, agent="command"))
    tmux(backend, "send-keys", "-t", backend.server.windows()["a-1"].id, key)
    assert backend.end("a-1", started).result(LIMIT).exit_code == 5


def test_killed_holder_is_a_lost_job_of_which_nothing_is_left(backend: TmuxBackend, tmp_path: Path) -> None:
    script = "(setsid sleep 1000 &) ; echo begun; sleep 1000"
    started = backend.start(job(tmp_path, "a-1", "sh", "-c", script))
    end = backend.end("a-1", started)
    assert wait_until(lambda: "begun" in (tmp_path / "logs" / "a-1.log").read_text())
    family = psutil.Process(holder(backend, "a-1")).children(recursive=True)
    assert len(family) >= 2
    os.kill(holder(backend, "a-1"), signal.SIGKILL)

    with pytest.raises(JobLost):
        end.result(LIMIT)
    assert wait_until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))
    assert backend.find("a-1") is None
    again = backend.start(job(tmp_path, "a-1", "true"))
    assert again != started
    assert backend.end("a-1", again).result(LIMIT).exit_code == 0


def test_second_process_for_a_job_that_is_held_does_nothing(backend: TmuxBackend, tmp_path: Path) -> None:
    started = backend.start(job(tmp_path, "a-1", "sh", "-c", "echo once; sleep 1000"))
    files = WindowFiles(str(tmp_path / "windows"))
    path = files.write_job("a-1", job(tmp_path, "a-1", "sh", "-c", "echo twice").fields())
    words = [sys.executable, "-P", "-m", "swarmskill.backends.tmux_worker", path]
    assert subprocess.run(words, check=False, timeout=LIMIT, capture_output=True).returncode == 0
    assert backend.find("a-1") == started
    assert "twice" not in (tmp_path / "logs" / "a-1.log").read_text()


def test_dismissed_windows_close_and_with_the_last_one_the_server(backend: TmuxBackend, tmp_path: Path) -> None:
    for name in ("a-1", "b-1"):
        backend.end(name, backend.start(job(tmp_path, name, "true"))).result(LIMIT)
    server = psutil.Process(int(tmux(backend, "display-message", "-p", "#{pid}")))
    running = backend.start(job(tmp_path, "c-1", "sleep", "1000"))
    backend.dismiss(["a-1", "b-1", "c-1"])
    assert list(backend.server.windows()) == ["c-1"], "the window of a worker at work is never closed"
    backend.kill("c-1", force=True)
    backend.end("c-1", running).result(LIMIT)
    backend.dismiss(["c-1"])
    assert wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)


def test_server_whose_run_is_gone_is_ended_unless_a_worker_is_at_work_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    servers = {}
    for name, argv in (("over", ["true"]), ("busy", ["sleep", "100"]), ("kept", ["true"])):
        (tmp_path / name).mkdir()
        servers[name] = TmuxServer(WindowFiles(str(tmp_path / name)))
        servers[name].open_window(name, argv)
    sockets = {name: server.socket for name, server in servers.items()}
    try:
        shutil.rmtree(tmp_path / "over")
        shutil.rmtree(tmp_path / "busy")
        assert wait_until(lambda: end_orphans() == 1, LIMIT)
        assert [name for name, path in sockets.items() if listens(path)] == ["busy", "kept"]
        assert not os.path.exists(sockets["over"])
    finally:
        for path in sockets.values():
            subprocess.run(["tmux", "-S", path, "kill-server"], check=False, stderr=subprocess.DEVNULL)
    assert wait_until(lambda: not any(map(listens, sockets.values())), LIMIT)
    assert remove_dead_sockets() == 0, "they are new"
    os.utime(sockets["kept"], (0, 0))
    assert remove_dead_sockets() == 1
    assert not os.path.exists(sockets["kept"])


def test_mayor_that_dies_takes_its_mortal_jobs_along(tmp_path: Path, backend: TmuxBackend) -> None:
    script = (
        "import os, sys, pathlib; from tests.real.test_tmux import job; from swarmskill.backends.tmux import TmuxBackend\n"
        "folder = pathlib.Path(sys.argv[1]); backend = TmuxBackend(folder / 'windows'); backend.open()\n"
        "print(backend.start(job(folder, 'a-1', 'sleep', '1000', survives=False)).pid, flush=True); os._exit(9)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    pid = int(ran.stdout)
    assert wait_until(lambda: not psutil.pid_exists(pid))


def test_fifty_windows_start_in_seconds_and_cost_next_to_nothing_while_their_workers_wait(
    backend: TmuxBackend, tmp_path: Path
) -> None:
    began = time.monotonic()
    names = [f"stub-{number}" for number in range(50)]
    for name in names:
        backend.start(job(tmp_path, name, "sleep", "1000", agent="command"))
    took = time.monotonic() - began
    assert took < STARTS_LIMIT, f"{took:.1f} s"

    ours = [psutil.Process(window.pid) for window in backend.server.windows().values()]
    ours += [psutil.Process(int(tmux(backend, "display-message", "-p", "#{pid}"))), psutil.Process()]
    before = sum(sum(one.cpu_times()[:2]) for one in ours)
    time.sleep(3)
    used = sum(sum(one.cpu_times()[:2]) for one in ours) - before
    assert used < 0.01 * 3 * 2, f"{used / 3:.2%} of a core"
    for name in names:
        backend.kill(name, force=True)


@pytest.mark.parametrize(
    ("said", "good"), [("tmux 3.3a", True), ("tmux next-3.6", True), ("tmux 2.9a", False), ("what", False)]
)
def test_old_tmux_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, good: bool
) -> None:
    program = tmp_path / "tmux"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    if good:
        assert check_tmux() == said.removeprefix("tmux ")
    else:
        with pytest.raises(Refused, match="too old") as refused:
            check_tmux()
        assert "--mode local" in refused.value.hint
