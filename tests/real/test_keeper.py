"""The process backend against real processes that do their worst: nothing is lost, nothing is left."""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from swarmskill.backends import holding
from swarmskill.backends.base import CannotStart, Job, JobEnd, JobLost, Started
from swarmskill.backends.process import ProcessBackend
from swarmskill.backends.processes import identity, is_alive
from swarmskill.backends.wire import socket_folder
from swarmskill.errors import Refused
from swarmskill.model import Ending

LIMIT = 20.0
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a subreaper")


class Mouth:
    """A FIFO: `hear` waits for a line that a worker writes, `say` lets a worker go on that reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""

    def hear(self) -> str:
        deadline = time.monotonic() + LIMIT
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._file], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the worker said nothing"
            self._rest += os.read(self._file, 4096)
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def hear_process(self) -> Started:
        pid = int(self.hear())
        return Started(pid, identity(pid))

    def say(self) -> None:
        os.write(self._file, b"go\n")

    def close(self) -> None:
        os.close(self._file)


class Bench:
    """A folder with a keeper, backends to it, and FIFOs for workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keeper_folder = folder / "keeper"
        self._backends: list[ProcessBackend] = []
        self._mouths: list[Mouth] = []

    def visit(self) -> ProcessBackend:
        backend = ProcessBackend(self.keeper_folder)
        self._backends.append(backend)
        backend.open()
        return backend

    def mouth(self, name: str) -> Mouth:
        mouth = Mouth(self.folder / name)
        self._mouths.append(mouth)
        return mouth

    def job(self, name: str, *argv: str, **options: Any) -> Job:
        options.setdefault("env", {"PATH": os.environ["PATH"]})
        options.setdefault("cwd", self.folder)
        return Job(name=name, argv=argv, log=self.log(name), **options)

    def python(self, name: str, code: str, **options: Any) -> Job:
        return self.job(name, sys.executable, "-S", "-c", code, **options)

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def keeper(self) -> Started:
        address = json.loads((self.keeper_folder / "address").read_text())
        return Started(address["pid"], address["identity"])

    def close(self) -> None:
        if (self.keeper_folder / "address").exists():
            backend = self.visit()
            for name in backend.running():
                backend.kill(name, force=True)
        for backend in self._backends:
            backend.close()
        for mouth in self._mouths:
            mouth.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def run(backend: ProcessBackend, job: Job) -> JobEnd:
    return backend.end(job.name, backend.start(job)).result(LIMIT)


def alive(process: Started) -> bool:
    return is_alive(process.pid, process.identity)


def await_gone(process: Started) -> None:
    """Until the process is gone (or was before)."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if alive(process):
            assert select.select([handle], [], [], LIMIT)[0], "the process does not end"
    finally:
        os.close(handle)


# -- what a worker is given ------------------------------------------------------------------------


def test_a_worker_has_its_own_session_clean_signals_and_no_files_but_its_three(bench: Bench) -> None:
    code = (
        "import os, signal\n"
        "print(os.getpid() == os.getsid(0) == os.getpgid(0), sorted(os.listdir('/proc/self/fd'))[:3],"
        " len(os.listdir('/proc/self/fd')), os.readlink('/proc/self/fd/0'), oct(os.umask(0)))\n"
        "status = open('/proc/self/status').read()\n"
        "print([line.split()[1].strip('0') for line in status.splitlines() if line[:7] == 'SigBlk:'])"
    )
    previous = os.umask(0o027)
    try:
        backend = bench.visit()
        run(backend, bench.python("a", code))
        run(backend, bench.job("b", "grep", "SigIgn", "/proc/self/status"))
    finally:
        os.umask(previous)
    # The fourth file is the listing of the folder itself.
    assert bench.log("a").read_text() == "True ['0', '1', '2'] 4 /dev/null 0o27\n['']\n"
    # The C library itself has the two signals above 31 that are its own ignored.
    assert int(bench.log("b").read_text().split()[1], 16) & 0x7FFFFFFF == 0


def test_a_worker_has_the_environment_of_its_job_and_its_mark(bench: Bench) -> None:
    os.environ["SWARM_TEST_SECRET"] = "x"
    try:
        run(bench.visit(), bench.job("a", "/usr/bin/env", env={"A": "1\n2", "B": os.fsdecode(b"\xff")}))
    finally:
        del os.environ["SWARM_TEST_SECRET"]
    lines = bench.log("a").read_bytes().splitlines()
    assert {b"A=1", b"2", b"B=\xff"} < set(lines)
    assert len(lines) == 4
    assert any(line.startswith(b"SWARM_JOB=") for line in lines)


def test_a_worker_reads_its_standard_input_from_a_file(bench: Bench) -> None:
    prompt = bench.folder / "prompt 1.md"
    prompt.write_text("do it\n")
    run(bench.visit(), bench.job("a", "cat", stdin=prompt))
    assert bench.log("a").read_text() == "do it\n"


def test_output_and_errors_go_to_the_log_in_their_order(bench: Bench) -> None:
    run(bench.visit(), bench.job("a", "sh", "-c", "echo 1; echo 2 >&2; echo 3"))
    assert bench.log("a").read_text() == "1\n2\n3\n"


def test_programs_are_looked_for_in_the_worktree_and_on_the_jobs_own_path(bench: Bench) -> None:
    tools = bench.folder / "tools"
    tools.mkdir()
    for place, words in ((bench.folder / "build.sh", "here"), (tools / "mine", "tool")):
        place.write_text(f"#!/bin/sh\necho {words}\n")
        place.chmod(0o755)
    backend = bench.visit()
    assert run(backend, bench.job("a", "./build.sh")).exit_code == 0
    assert run(backend, bench.job("b", "mine", env={"PATH": "/usr/bin:tools"})).exit_code == 0
    assert (bench.log("a").read_text(), bench.log("b").read_text()) == ("here\n", "tool\n")
    with pytest.raises(CannotStart, match="'mine': not found"):
        backend.start(bench.job("c", "mine"))


def test_what_cannot_be_started_says_why(bench: Bench) -> None:
    plain = bench.folder / "plain"
    plain.write_text("text")
    bare = bench.folder / "bare"
    bare.write_text("echo no shebang\n")
    bare.chmod(0o755)
    os.mkfifo(bench.folder / "fifo")
    (bench.folder / "logs").mkdir()
    bench.log("linked").symlink_to(bench.folder / "elsewhere")
    os.mkfifo(bench.log("piped"))
    backend = bench.visit()
    for job, reason in [
        (bench.job("1", "./plain"), "not executable"),
        (bench.job("2", "./bare"), "#! line"),
        (bench.job("3", "true", cwd=bench.folder / "gone"), "gone': no such file or directory"),
        (bench.job("4", "true", stdin=bench.folder / "fifo"), "not a regular file"),
        (bench.job("5", "true", stdin=bench.folder / "none"), "none': no such file"),
        (bench.job("6", "true", "x\0y"), "null"),
        (bench.job("7", "true", "x" * 3_000_000), "longer than the system takes"),
        (bench.job("linked", "true"), "log cannot be written"),
        (bench.job("piped", "true"), "not a regular file"),
    ]:
        with pytest.raises(CannotStart, match=reason):
            backend.start(job)
    assert not (bench.folder / "elsewhere").exists()
    assert backend.running() == {}


# -- ends ------------------------------------------------------------------------------------------


def test_a_worker_that_dies_of_a_signal_ends_as_a_shell_tells_it(bench: Bench) -> None:
    end = run(bench.visit(), bench.job("a", "sh", "-c", "kill -SEGV $$"))
    assert (end.ending, end.exit_code) == (Ending.EXITED, 128 + signal.SIGSEGV)


def test_times_are_those_of_the_process(bench: Bench) -> None:
    before = time.time()
    end = run(bench.visit(), bench.job("a", "sleep", "0.2"))
    assert before <= end.started_at <= end.ended_at <= time.time()
    assert 0.2 <= end.ended_at - end.started_at < 5.0


def test_a_worker_that_ignores_term_is_killed_after_its_grace(bench: Bench) -> None:
    job = bench.job("a", "sh", "-c", "trap '' TERM; while :; do sleep 1000; done", timeout=0.1, grace=0.3)
    end = run(bench.visit(), job)
    assert (end.ending, end.exit_code) == (Ending.TIMED_OUT, 137)
    assert 0.4 <= end.ended_at - end.started_at < 5.0


def test_a_worker_may_clean_up_within_its_grace(bench: Bench) -> None:
    job = bench.job("a", "sh", "-c", "trap 'echo bye; exit 3' TERM; sleep 1000 & wait", timeout=0.2)
    end = run(bench.visit(), job)
    assert (end.ending, end.exit_code, bench.log("a").read_text()) == (Ending.TIMED_OUT, 3, "bye\n")


def test_a_stopped_worker_ends_too(bench: Bench) -> None:
    end = run(bench.visit(), bench.job("a", "sh", "-c", "kill -STOP $$", timeout=0.1))
    assert (end.ending, end.exit_code) == (Ending.TIMED_OUT, 143)


def test_children_that_a_worker_leaves_behind_end_with_it(bench: Bench) -> None:
    told = bench.mouth("told")
    end = run(bench.visit(), bench.job("a", "sh", "-c", "sleep 1000 & echo $! > told; exit 4"))
    assert (end.ending, end.exit_code) == (Ending.EXITED, 4)
    assert not alive(told.hear_process())


def test_a_time_limit_holds_for_what_a_forking_worker_left_behind(bench: Bench) -> None:
    told = bench.mouth("told")
    job = bench.job("a", "sh", "-c", "(trap '' TERM; echo 1 >&2; while :; do sleep 1000; done) & echo $! > told")
    backend = bench.visit()
    before = time.monotonic()
    end = backend.end("a", backend.start(job))
    child = told.hear_process()
    assert end.result(LIMIT).exit_code == 0
    assert not alive(child)
    assert time.monotonic() - before < holding.LEFTOVER_GRACE + 3.0


@pytest.mark.parametrize("chatter", ["printf .", "(echo x >&2 &)", "setsid sh -c 'echo x' &"])
def test_whoever_prints_keeps_its_worker_from_stalling(bench: Bench, chatter: str) -> None:
    script = f"for turn in 1 2 3 4 5; do sleep 0.2; {chatter}\ndone; exec sleep 1000"
    end = run(bench.visit(), bench.job("a", "sh", "-c", script, idle=0.7))
    assert (end.ending, end.exit_code) == (Ending.STALLED, 143)
    assert len(bench.log("a").read_text().replace("\n", "")) == 5
    assert 1.0 + 0.7 <= end.ended_at - end.started_at < 6.0


def test_a_worker_that_closed_its_output_counts_as_silent(bench: Bench) -> None:
    end = run(bench.visit(), bench.job("a", "sh", "-c", "exec sleep 1000 > /dev/null 2>&1", idle=0.2))
    assert end.ending is Ending.STALLED


def test_a_stalled_worker_may_clean_up_within_its_grace_and_print_again(bench: Bench) -> None:
    script = "trap 'for turn in 1 2 3; do echo $turn; sleep 0.2; done; exit 3' TERM; sleep 1000 & wait"
    end = run(bench.visit(), bench.job("a", "sh", "-c", script, idle=0.1))
    assert (end.ending, end.exit_code, bench.log("a").read_text()) == (Ending.STALLED, 3, "1\n2\n3\n")


def test_a_stalled_worker_that_ignores_term_is_killed_after_its_grace(bench: Bench) -> None:
    job = bench.job("a", "sh", "-c", "trap '' TERM; while :; do sleep 1000; done", idle=0.1, grace=0.3)
    end = run(bench.visit(), job)
    assert (end.ending, end.exit_code) == (Ending.STALLED, 137)
    assert 0.4 <= end.ended_at - end.started_at < 5.0


def test_a_worker_left_alone_ends_at_its_idle_limit(bench: Bench) -> None:
    backend = bench.visit()
    started = backend.start(bench.job("a", "sleep", "1000", idle=0.3))
    keeper = bench.keeper()
    backend.close()
    await_gone(keeper)
    assert not alive(started)
    assert bench.visit().end("a", started).result(LIMIT).ending is Ending.STALLED


DAEMON = """
import os, resource, sys
hide = sys.argv[1] == "hide"
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    if hide:
        resource.setrlimit(10, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    null = os.open("/dev/null", os.O_RDWR)
    for file in range(3):
        os.dup2(null, file)
    os.execve("/bin/sh", ["sh", "-c", "echo $$ > told; exec sleep 1000"], {"PATH": "/usr/bin:/bin"})
os.wait()
open("gate").read(1)
sys.exit(6)
"""
"""Double fork, own session, own files, no environment: nothing ties the daemon to its worker."""


@linux_only
def test_a_daemon_that_cut_all_ties_ends_with_its_worker_and_not_with_another(bench: Bench) -> None:
    told, gate = bench.mouth("told"), bench.mouth("gate")
    backend = bench.visit()
    other = backend.start(bench.job("other", "sleep", "1000"))
    end = backend.end("a", backend.start(bench.python("a", DAEMON, env={"PATH": "/usr/bin:/bin"})))
    assert not end.done() or end.result().exit_code == 1
    assert end.result(LIMIT).exit_code == 1  # it was called without its argument
    start = bench.job("b", sys.executable, "-S", "-c", DAEMON, "keep")
    end = backend.end("b", backend.start(start))
    daemon = told.hear_process()
    assert run(backend, bench.job("c", "true")).exit_code == 0
    assert alive(daemon)
    gate.say()
    assert end.result(LIMIT).exit_code == 6
    assert not alive(daemon)
    assert alive(other)


@linux_only
def test_a_daemon_that_hides_its_mark_too_ends_with_the_last_job(bench: Bench) -> None:
    told, gate = bench.mouth("told"), bench.mouth("gate")
    backend = bench.visit()
    end = backend.end("a", backend.start(bench.job("a", sys.executable, "-S", "-c", DAEMON, "hide")))
    daemon = told.hear_process()
    gate.say()
    assert end.result(LIMIT).exit_code == 6
    assert not alive(daemon)


WRAPPER = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so do all that it starts
def tell():
    with open("told", "w") as told:
        told.write(f"{os.getpid()}\\n")
def stay():
    tell()
    while True:
        time.sleep(1000)
if os.fork() == 0:  # in its own group
    stay()
if os.fork() == 0:  # in a session of its own
    os.setsid()
    stay()
if os.fork() == 0:  # a daemon
    os.setsid()
    if os.fork():
        os._exit(0)
    stay()
if os.fork() == 0:  # a daemon that has a daemon, and no environment
    os.setsid()
    if os.fork():
        os._exit(0)
    if os.fork() == 0:
        os.setsid()
        os.execve("/bin/sh", ["sh", "-c", "echo $$ > told; while :; do sleep 1000; done"], {"PATH": "/usr/bin:/bin"})
    stay()
stay()
"""


@linux_only
@pytest.mark.parametrize(
    ("options", "ending"),
    [
        ({}, Ending.KILLED),
        ({"timeout": 1.5}, Ending.TIMED_OUT),
        ({"idle": 1.5}, Ending.STALLED),
    ],
)
def test_nothing_of_a_wrapper_that_ignores_term_and_leaks_daemons_is_left(
    bench: Bench, options: dict[str, float], ending: Ending
) -> None:
    told = bench.mouth("told")
    backend = bench.visit()
    other = backend.start(bench.job("other", "sleep", "1000"))
    end = backend.end("a", backend.start(bench.python("a", WRAPPER, grace=0.2, **options)))
    seen = [told.hear_process() for _ in range(6)]
    assert all(alive(one) for one in seen)
    if ending is Ending.KILLED:
        backend.kill("a")
    assert (end.result(LIMIT).ending, end.result().exit_code) == (ending, 137)
    assert not [one for one in seen if alive(one)]
    keeper = bench.keeper()
    assert Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text().split() == [str(other.pid)]


@linux_only
def test_the_daemons_of_a_wrapper_that_dies_of_a_kill_from_outside_end_with_it(bench: Bench) -> None:
    told = bench.mouth("told")
    backend = bench.visit()
    other = backend.start(bench.job("other", "sleep", "1000"))
    started = backend.start(bench.python("a", WRAPPER))
    seen = [told.hear_process() for _ in range(6)]
    os.kill(started.pid, signal.SIGKILL)
    end = backend.end("a", started).result(LIMIT)
    assert (end.ending, end.exit_code) == (Ending.EXITED, 137)
    assert not [one for one in seen if alive(one)]
    assert alive(other)


BOMB = """
import os
def bomb(depth):
    for _ in range(2):
        if depth and os.fork() == 0:
            os.setsid()
            bomb(depth - 1)
    if depth == 0:
        open("told", "w").write(f"{os.getpid()}\\n")
    while True:
        if depth == 3:
            if os.fork():  # hops from pid to pid for ever
                os._exit(0)
            os.setsid()
        else:
            import time; time.sleep(1000)
bomb(5)
"""


@linux_only
def test_nothing_of_a_fork_bomb_is_left(bench: Bench) -> None:
    told = bench.mouth("told")
    backend = bench.visit()
    other = backend.start(bench.job("other", "sleep", "1000"))
    end = backend.end("a", backend.start(bench.python("a", BOMB)))
    seen = [told.hear_process() for _ in range(32)]
    keeper = bench.keeper()
    backend.kill("a", force=True)
    assert end.result(LIMIT).exit_code == 137
    assert not [one for one in seen if alive(one)]
    assert Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text().split() == [str(other.pid)]


def test_a_flood_of_output_keeps_its_beginning_and_its_end(bench: Bench) -> None:
    limit = 1_000_000
    end = run(bench.visit(), bench.job("a", "seq", "12000000", log_limit=limit))
    text = bench.log("a").read_text()
    assert end.exit_code == 0
    assert len(text) <= limit + 100
    assert text.startswith("1\n2\n3\n")
    assert text.endswith("11999999\n12000000\n")
    assert text.count("bytes were left out here]") == 1


def test_output_can_be_read_while_the_worker_runs(bench: Bench) -> None:
    told, gate = bench.mouth("told"), bench.mouth("gate")
    backend = bench.visit()
    end = backend.end(
        "a", backend.start(bench.job("a", "sh", "-c", "echo first; echo > told; read x < gate; echo last"))
    )
    told.hear()
    backend.running()  # the keeper reads before it answers what comes later
    assert bench.log("a").read_text() == "first\n"
    gate.say()
    end.result(LIMIT)
    assert bench.log("a").read_text() == "first\nlast\n"


# -- secrets ---------------------------------------------------------------------------------------

SECRET = 'hunter2 "and" more'
SPEAKER = """
import json, os, sys, time
secret = os.environ["DB_PASSWORD"]
for part in ("plain ", secret[:7], secret[7:], "\\n"):
    os.write(1, part.encode())
    time.sleep(0.05)
os.write(2, (json.dumps({"text": secret}) + "\\n").encode())
os.write(1, ("x" * 65530 + secret + "\\nhunter2").encode())
"""


def test_a_secret_is_in_no_file_of_the_run(bench: Bench) -> None:
    env = {"PATH": os.environ["PATH"], "DB_PASSWORD": SECRET}
    backend = bench.visit()
    run(backend, bench.python("a", SPEAKER, env=env, masked=(SECRET,)))
    with pytest.raises(CannotStart) as caught:
        backend.start(bench.job("b", "no-such-program", env=env, masked=(SECRET,)))
    end = backend.end("c", backend.start(bench.job("c", "sh", "-c", "kill $$", env=env, masked=(SECRET,))))
    assert end.result(LIMIT).exit_code == 143
    assert "hunter2" not in str(caught.value)
    assert bench.log("a").read_text() == 'plain ***\n{"text": "***"}\n' + "x" * 65530 + "***\nhunter2"
    bench.log("a").unlink()
    keeper = bench.keeper()
    backend.close()
    await_gone(keeper)
    kept = [path for path in bench.folder.rglob("*") if path.is_file()]
    assert {path.name for path in kept} >= {"ends.jsonl", "keeper.log"}
    assert not [path for path in kept if b"hunter2" in path.read_bytes()]


def test_a_job_does_not_show_its_secrets(bench: Bench) -> None:
    assert "hunter2" not in repr(bench.job("a", "true", env={"DB_PASSWORD": SECRET}, masked=(SECRET,)))


# -- deaths ----------------------------------------------------------------------------------------

MAYOR = """
import sys
from pathlib import Path
from swarmskill.backends.base import Job
from swarmskill.backends.process import ProcessBackend
folder = Path(sys.argv[1])
backend = ProcessBackend(folder / "keeper")
backend.open()
job = Job(name="a", argv=("sh", "-c", "echo > told; read x < gate; exit 21"), cwd=folder, env={"PATH": "/usr/bin:/bin"},
          log=folder / "logs" / "a.log", survives=sys.argv[2] == "survives")
started = backend.start(job)
print(started.pid, started.identity, flush=True)
sys.stdin.read()
"""


def kill_a_mayor(bench: Bench, kind: str) -> tuple[Started, float]:
    """Let a mayor start a job and die of KILL; the job's process and the time of the start."""
    at = time.time()
    told = bench.mouth("told")
    mayor = subprocess.Popen(
        [sys.executable, "-c", MAYOR, str(bench.folder), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert mayor.stdout
    pid, name = mayor.stdout.readline().split()
    told.hear()
    mayor.kill()
    mayor.communicate()
    return Started(int(pid), name), at


def test_a_worker_outlives_its_mayor_and_is_adopted_with_its_true_end(bench: Bench) -> None:
    gate = bench.mouth("gate")
    started, at = kill_a_mayor(bench, "survives")
    assert alive(started)
    backend = bench.visit()
    assert backend.running() == {"a": started}
    future = backend.end("a", started)
    assert backend.start(bench.job("a", "false")) == started
    gate.say()
    end = future.result(LIMIT)
    assert (end.ending, end.exit_code) == (Ending.EXITED, 21)
    assert at <= end.started_at < end.ended_at <= time.time()


def test_a_worker_that_ended_while_there_was_no_mayor_is_known_even_to_another_keeper(bench: Bench) -> None:
    gate = bench.mouth("gate")
    started, _ = kill_a_mayor(bench, "survives")
    keeper = bench.keeper()
    gate.say()
    await_gone(keeper)
    backend = bench.visit()
    assert bench.keeper() != keeper
    assert backend.end("a", started).result(LIMIT).exit_code == 21
    assert backend.start(bench.job("a", "false")) == started


def test_a_worker_that_shall_not_survive_dies_with_its_mayor(bench: Bench) -> None:
    bench.mouth("gate")
    started, _ = kill_a_mayor(bench, "dies")
    await_gone(started)
    assert bench.visit().end("a", started).result(LIMIT).ending is Ending.KILLED


def test_a_worker_left_alone_ends_at_its_time_limit(bench: Bench) -> None:
    backend = bench.visit()
    started = backend.start(bench.job("a", "sleep", "1000", timeout=0.3))
    keeper = bench.keeper()
    backend.close()
    await_gone(keeper)
    assert not alive(started)
    assert bench.visit().end("a", started).result(LIMIT).ending is Ending.TIMED_OUT


def test_the_jobs_of_a_killed_keeper_are_ended_and_lost(bench: Bench) -> None:
    backend = bench.visit()
    done = backend.start(bench.job("done", "sh", "-c", "exit 8"))
    backend.end("done", done).result(LIMIT)
    told = bench.mouth("told")
    started = backend.start(bench.job("a", "sh", "-c", "setsid sh -c 'echo $$ > told; exec sleep 1000' & wait"))
    child = told.hear_process()
    end = backend.end("a", started)
    os.kill(bench.keeper().pid, signal.SIGKILL)
    with pytest.raises(JobLost):
        end.result(LIMIT)
    assert not alive(started)
    assert not alive(child)
    assert backend.end("done", done).result(LIMIT).exit_code == 8
    again = backend.start(bench.job("a", "sleep", "1000"))
    assert again != started
    assert alive(again)


def test_an_end_that_was_told_is_known_to_every_later_keeper(bench: Bench) -> None:
    backend = bench.visit()
    for turn in range(5):
        jobs = [bench.job(f"{turn}.{number}", "sh", "-c", f"exit {number}") for number in range(10)]
        started = {job.name: backend.start(job) for job in jobs}
        ends = {name: backend.end(name, one) for name, one in started.items()}
        ends[f"{turn}.{turn}"].result(LIMIT)
        os.kill(bench.keeper().pid, signal.SIGKILL)
        wait(ends.values(), LIMIT)
        told = {name: end.result() for name, end in ends.items() if not end.exception()}
        assert f"{turn}.{turn}" in told
        later = bench.visit()
        assert {name: later.end(name, started[name]).result(LIMIT) for name in told} == told
        assert {name: end.exit_code for name, end in told.items()} == {name: int(name[2:]) for name in told}


def test_a_job_of_a_killed_keeper_is_started_afresh_only_when_its_old_process_is_gone(bench: Bench) -> None:
    first = bench.visit()
    started = first.start(bench.job("a", "sleep", "1000"))
    keeper = bench.keeper()
    first.close()
    os.kill(keeper.pid, signal.SIGKILL)
    await_gone(keeper)
    socket = Path(json.loads((bench.keeper_folder / "address").read_text())["socket"])
    assert alive(started)
    backend = bench.visit()
    assert not alive(started)
    assert not socket.exists()
    assert run(backend, bench.job("a", "sh", "-c", "exit 2")).exit_code == 2


def test_a_process_that_was_given_a_lost_jobs_pid_is_left_alone(bench: Bench) -> None:
    bench.keeper_folder.mkdir()
    bystander = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    where = {"name": "a", "pid": bystander.pid, "identity": "another boot"}
    lines = [{"kind": "keeper", "base": 1 << 50, "pid": 1, "identity": ""}, {"kind": "started", **where, "mark": 0}]
    (bench.keeper_folder / "ends.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"torn')
    try:
        backend = bench.visit()
        with pytest.raises(JobLost):
            backend.end("a", Started(bystander.pid, "another boot")).result(LIMIT)
        assert run(backend, bench.job("a", "sh", "-c", "exit 2")).exit_code == 2
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_keeper_that_is_told_to_end_ends_its_jobs_and_tells_how(bench: Bench) -> None:
    backend = bench.visit()
    end = backend.end("a", backend.start(bench.job("a", "sleep", "1000")))
    keeper = bench.keeper()
    os.kill(keeper.pid, signal.SIGTERM)
    assert (end.result(LIMIT).ending, end.result(LIMIT).exit_code) == (Ending.KILLED, 143)
    await_gone(keeper)
    assert run(backend, bench.job("b", "sh", "-c", "exit 1")).exit_code == 1


def test_the_signals_of_a_terminal_reach_neither_keeper_nor_workers(bench: Bench) -> None:
    backend = bench.visit()
    started = backend.start(bench.job("a", "sleep", "1000"))
    keeper = bench.keeper()
    assert len({os.getsid(0), os.getsid(keeper.pid), os.getsid(started.pid)}) == 3
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        os.kill(keeper.pid, number)
    assert backend.running() == {"a": started}


# -- one keeper, and none when it is not needed ----------------------------------------------------


def test_a_keeper_that_nobody_needs_ends_and_leaves_no_socket(bench: Bench) -> None:
    backend = bench.visit()
    keeper = bench.keeper()
    path = Path(json.loads((bench.keeper_folder / "address").read_text())["socket"])
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    backend.close()
    await_gone(keeper)
    assert not path.exists()
    assert sorted(os.listdir(bench.keeper_folder)) == ["ends.jsonl", "keeper.log", "lock"]
    assert (bench.keeper_folder / "keeper.log").read_text() == ""


def test_many_who_come_at_once_share_one_keeper(bench: Bench) -> None:
    backends = [ProcessBackend(bench.keeper_folder) for _ in range(8)]
    threads = [threading.Thread(target=backend.open) for backend in backends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    started = [backend.start(bench.job("a", "sleep", "1000")) for backend in backends]
    assert len(set(started)) == 1
    backends[0].kill("a", force=True)
    for backend in backends:
        backend.close()


def test_one_backend_serves_many_threads(bench: Bench) -> None:
    backend = bench.visit()
    codes: list[int] = []

    def work(number: int) -> None:
        for turn in range(10):
            code = run(backend, bench.job(f"{number}.{turn}", "sh", "-c", f"exit {number * 10 + turn}")).exit_code
            codes.append(code)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == list(range(80))


def test_the_runs_folder_may_be_deep(tmp_path: Path) -> None:
    bench = Bench(tmp_path / ("d" * 100) / ("ü" * 60))
    assert run(bench.visit(), bench.job("a", "true", cwd=tmp_path)).exit_code == 0
    bench.close()


def test_a_socket_folder_that_others_can_enter_is_refused(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = Path("/tmp") / f"swarm-test-{os.getpid()}"
    base.mkdir()
    try:
        monkeypatch.setenv("TMPDIR", str(base))
        folder = Path(socket_folder())
        folder.chmod(0o755)
        with pytest.raises(Refused, match="not a private folder") as caught:
            ProcessBackend(bench.keeper_folder).open()
        assert str(folder) in caught.value.hint
        folder.rmdir()
        (base / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(base / "elsewhere")
        with pytest.raises(Refused, match="not a private folder"):
            ProcessBackend(bench.keeper_folder).open()
        folder.unlink()
        (base / "elsewhere").rmdir()
    finally:
        base.rmdir()


def test_a_keeper_of_another_version_is_refused(bench: Bench) -> None:
    backend = bench.visit()
    address = bench.keeper_folder / "address"
    told = json.loads(address.read_text())
    address.write_text(json.dumps({**told, "version": 99}))
    with pytest.raises(Refused, match="another version"):
        ProcessBackend(bench.keeper_folder).open()
    address.write_text(json.dumps(told))
    assert backend.running() == {}


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be made"):
        ProcessBackend(tmp_path / "file" / "keeper").open()


def test_nothing_leaks_in_mayor_or_keeper(bench: Bench) -> None:
    backend = bench.visit()
    keeper = bench.keeper()

    def files() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{keeper.pid}/fd"))

    def work(tag: str) -> None:
        for number in range(50):
            run(
                backend,
                bench.job(f"{tag}{number}", "sh", "-c", "sleep 1000 & exit 0" if number % 10 == 0 else "exit 0"),
            )
        with pytest.raises(CannotStart):
            backend.start(bench.job(f"{tag} none", "no-such-program"))

    work("warm-up ")
    before = files()
    work("again ")
    assert files() == before
    assert Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text() == ""
    own = os.getpid()
    own_children = Path(f"/proc/{own}/task/{threading.main_thread().native_id}/children").read_text().split()
    backend.close()
    assert Path(f"/proc/{own}/task/{threading.main_thread().native_id}/children").read_text().split() == own_children
    assert not any("keeper" in Path(f"/proc/{pid}/cmdline").read_text() for pid in own_children)


def test_a_closed_backend_leaves_nobody_waiting(bench: Bench) -> None:
    backend = bench.visit()
    end = backend.end("a", backend.start(bench.job("a", "sleep", "1000")))
    backend.close()
    assert end.cancelled()
    bench.visit()
