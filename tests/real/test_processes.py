"""Identities, families and signals, on the system's own process table and on the portable one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from swarmskill.backends import processes


@pytest.fixture(params=["native", "portable"])
def _system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "portable":
        monkeypatch.setattr(processes, "LINUX", False)
        monkeypatch.setattr(processes, "_boot_name", "")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    command = ["sh", "-c", "echo up; sleep 1000 & wait"]
    env = {**os.environ, processes.MARK_VARIABLE: "77"}
    with subprocess.Popen(command, env=env, start_new_session=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.usefixtures("_system")
def test_an_identity_is_one_processs_and_no_others(sleeper: subprocess.Popen[bytes]) -> None:
    name = processes.identity(sleeper.pid)
    assert name
    assert name == processes.identity(sleeper.pid)
    assert processes.is_alive(sleeper.pid, name)
    assert not processes.is_alive(sleeper.pid, name + "0")
    assert not processes.is_alive(os.getpid(), name)
    assert processes.identity(2**22 + 1) == ""


@pytest.mark.usefixtures("_system")
def test_a_zombie_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    name = processes.identity(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not processes.is_alive(sleeper.pid, name)


@pytest.mark.usefixtures("_system")
def test_a_family_is_found_signalled_and_marked(sleeper: subprocess.Popen[bytes]) -> None:
    everyone = processes.table()
    family = processes.family(everyone, [everyone[sleeper.pid]])
    assert len(family) >= 1
    assert {process.session for process in family} == {sleeper.pid}
    assert {process.pid for process in processes.descendants(everyone, [os.getpid()])} >= {p.pid for p in family}
    assert processes.mark_of(sleeper.pid) == 77
    wrong = processes.Process(sleeper.pid, 0, 0, 0, "another start", dead=False)
    assert not processes.send(wrong, signal.SIGKILL)
    assert sleeper.poll() is None
    assert processes.send(everyone[sleeper.pid], signal.SIGKILL)
    assert sleeper.wait(10) == -signal.SIGKILL


@pytest.mark.usefixtures("_system")
def test_a_group_is_signalled_only_with_its_leaders_identity(sleeper: subprocess.Popen[bytes]) -> None:
    name = processes.identity(sleeper.pid)
    assert not processes.kill_group(sleeper.pid, name + "0", signal.SIGKILL)
    assert processes.kill_group(sleeper.pid, name, signal.SIGTERM)
    assert sleeper.wait(10) == -signal.SIGTERM


def test_a_whole_tree_is_killed(sleeper: subprocess.Popen[bytes]) -> None:
    def find() -> list[processes.Process]:
        return [
            process for process in processes.table().values() if process.session == sleeper.pid and not process.dead
        ]

    assert find()
    assert processes.kill_tree(find)
    assert not find()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_process_name_with_parentheses_does_not_confuse(tmp_path: Path) -> None:
    odd = tmp_path / ") R 1 1 (x"
    odd.write_text("#!/bin/sh\necho up\nread x\n")
    odd.chmod(0o755)
    with subprocess.Popen([odd], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        found = processes.look(process.pid)
        assert found
        assert (found.parent, found.group) == (os.getpid(), os.getpgid(process.pid))
        process.kill()
