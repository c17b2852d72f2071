"""Workers and the memory that they may use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmskill.backends.cgroups import remove_cgroup
from tests.cli.conftest import Said, User, task, writes

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing holds workers elsewhere")

GUESS = 'exit code 1; its memory limit of 128 MiB may be why: its log says "MemoryError"'


def takes(megabytes: int) -> list[str]:
    """A worker that takes so much memory in each of two processes."""
    half = f"import sys, time; bytearray({megabytes} << 20); print('taken'); time.sleep(1)"
    both = f'{sys.executable} -c "{half}" & one=$!; {sys.executable} -c "{half}" && wait $one && echo x > y'
    return ["sh", "-c", both]


@linux_only
def test_a_worker_over_its_limit_fails_and_is_tried_again(user: User) -> None:
    tasks = user.tasks(
        task("fits", writes("a")),
        task("hog", [sys.executable, "-c", "bytearray(200 << 20)"], max_retries=1),
        task("own", [sys.executable, "-c", "bytearray(200 << 20); open('b', 'w')"], max_memory="2G"),
    )
    said = user.swarm("run", tasks, "--max-memory", "128M")
    assert said.code == 1
    assert said.out.startswith("memory limits: by "), said.out
    if "by RLIMIT_DATA, for each process of a worker by itself" not in said.lines[0]:
        pytest.skip("workers have cgroups here: see the live test of these")
    assert f"retry     hog: {GUESS}" in said.out and f"failed    hog: {GUESS}" in said.out
    why = user.swarm("why", "hog").out
    assert "#2  worker started from HASH, process PID, at most 128 MiB of memory (rlimit)" in why
    assert "retries   exit: 1 used, none left" in why
    assert "at most 2 GiB of memory (rlimit)" in user.swarm("why", "own").out
    assert '"memory":{"size":134217728,"guard":"rlimit"}' in user.ledger


def test_without_a_limit_nothing_is_said_of_memory(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a"))))
    assert (said.code, "memory" in said.out + said.err) == (0, False)


def test_a_bad_limit_is_refused_with_its_place_and_its_fix(user: User) -> None:
    tasks = user.tasks(task("a", writes("a")))
    said = user.swarm("run", tasks, "--max-memory", "plenty")
    assert (said.code, said.err) == (
        2,
        'error: --max-memory: "plenty" is no amount of memory\n hint: write for example "4G" or "512M"\n',
    )
    said = user.swarm("run", tasks, SWARM_MAX_MEMORY="4")
    assert (said.code, said.err) == (
        2,
        "error: SWARM_MAX_MEMORY: wants at least 16M, which a program needs to start, and at most 1024T, found 4\n"
        ' hint: write for example "4G"\n',
    )
    said = user.swarm("run", user.tasks(task("a", writes("a"), max_memory="4 Gigs")))
    assert (said.code, said.err) == (
        2,
        'error: ~/tasks.json: /tasks/0/max_memory: "4 Gigs" is no amount of memory\n'
        ' hint: write for example "4G" or "512M"\n',
    )
    assert user.untouched


def test_doctor_tells_the_limit_and_what_would_hold_it(user: User) -> None:
    user.write("swarm.toml", 'max_memory = "1.5G"\n')
    found = user.swarm("doctor").out
    assert "memory limit" in found.partition("\nSettings")[0]
    assert any(line.split() == ["max_memory", "1.5", "GiB", "swarm.toml"] for line in found.splitlines())


@linux_only
def test_a_higher_limit_lets_a_retry_through(user: User) -> None:
    tasks = user.tasks(task("hog", [sys.executable, "-c", "bytearray(200 << 20); open('b', 'w')"], max_retries=0))
    assert user.swarm("run", tasks, "--max-memory", "128M").code == 1
    said = user.swarm("limit", "--max-memory", "1G")
    assert (said.code, said.out) == (0, "run RUN: swarm retry will take the limits\n")
    said = user.swarm("retry", "hog")
    assert (said.code, "limits    limit set to 1 GiB of memory for a worker\n" in said.out) == (0, True)


# -- with cgroups ----------------------------------------------------------------------------------


@pytest.fixture
def alone() -> Iterator[list[str]]:
    """Words before a command by which it starts in a cgroup of its own, with the memory controller."""
    systemd = ["systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes"]
    if shutil.which("systemd-run") and subprocess.run([*systemd, "true"], capture_output=True).returncode == 0:
        yield systemd
        return
    top = Path("/sys/fs/cgroup")
    control = top / "cgroup.subtree_control"
    if not (os.access(control, os.W_OK) and os.access(top, os.W_OK) and "memory" in control.read_text().split()):
        pytest.skip("no memory controller of cgroup version 2 is delegated to this user")
    scope = top / f"swarm-test-{os.getpid()}"
    scope.mkdir()
    yield ["sh", "-c", f'echo $$ > {scope}/cgroup.procs && exec "$@"', "sh"]
    (scope / "cgroup.kill").write_text("1")  # the tmux server, which shows what failed
    assert remove_cgroup(str(scope)), list(scope.iterdir())


def swarm_alone(user: User, alone: list[str], *words: str) -> Said:
    bus = {name: os.environ[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if name in os.environ}
    done = subprocess.run(
        [*alone, sys.executable, "-m", "swarmskill", *words],
        cwd=user.top,
        env={**user.environment, **bus},
        capture_output=True,
        timeout=120,
    )
    return Said(user.mask(done.stdout), user.mask(done.stderr), done.returncode, done.stdout)


@pytest.mark.parametrize("mode", ["local", "distributed"])
def test_a_cgroup_holds_all_processes_of_a_worker_together(user: User, alone: list[str], mode: str) -> None:
    tasks = user.tasks(task("fits", takes(20)), task("hog", takes(100), max_retries=1))
    said = swarm_alone(user, alone, "run", tasks, "--max-memory", "128M", "--mode", mode, "--wait")
    assert (said.code, said.lines[0]) == (1, "memory limits: by cgroup, for all processes of a worker together"), said
    assert "hog: over its memory limit of 128 MiB\n" in said.out
    assert "completed fits" in said.out
    why = user.swarm("why", "hog").out
    assert "at most 128 MiB of memory (cgroup)" in why
    assert "with exit code 137, over its memory limit of 128 MiB" in why
    assert "retries   memory: 1 used, none left" in why
    (noted,) = (user.folder_of() / "cgroups").read_text().splitlines()
    assert not list(Path(noted).glob(f"swarm-{user.runs()[-1]}-*"))
