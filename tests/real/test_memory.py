"""Jobs with a memory limit, held by both backends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarmskill.backends.base import Backend, CannotStart, Job, JobEnd
from swarmskill.backends.process import ProcessBackend
from swarmskill.backends.tmux import TmuxBackend

LIMIT = 60.0

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA holds nobody elsewhere")


@pytest.fixture(params=["process", "tmux"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    backend = ProcessBackend(tmp_path / "keeper") if request.param == "process" else TmuxBackend(tmp_path / "tmux")
    backend.open()
    yield backend
    backend.close()
    if isinstance(backend, TmuxBackend):
        backend.server.end()


def run(backend: Backend, folder: Path, script: str, **options: Any) -> tuple[JobEnd, str]:
    """Run Python code as a job; its end and what it printed."""
    log = folder / f"{options.get('name', 'a')}.log"
    env = {"PATH": os.environ["PATH"]}
    fields = {"name": "a", "argv": (sys.executable, "-c", script), "cwd": folder, "env": env, "log": log, **options}
    job = Job(**fields)
    return backend.end(job.name, backend.start(job)).result(LIMIT), log.read_text()


def test_a_job_gets_what_its_limit_leaves_and_no_more(backend: Backend, tmp_path: Path) -> None:
    end, _ = run(backend, tmp_path, "bytearray(40 << 20)", memory=128 << 20)
    assert (end.exit_code, end.over_memory) == (0, False)
    end, log = run(backend, tmp_path, "bytearray(200 << 20)", name="b", memory=128 << 20)
    assert (end.exit_code, end.over_memory) == (1, False)
    assert log.endswith("MemoryError\n")
    end, _ = run(backend, tmp_path, "bytearray(200 << 20)", name="c")
    assert end.exit_code == 0


def test_what_a_job_starts_has_the_limit_too_and_cannot_raise_it(backend: Backend, tmp_path: Path) -> None:
    script = """
import resource, subprocess, sys
while resource.getrlimit(resource.RLIMIT_DATA) != (128 << 20, 128 << 20):
    pass  # the hard limit comes a moment after the start
sys.exit(subprocess.call([sys.executable, "-c", "bytearray(200 << 20)"]))
"""
    end, log = run(backend, tmp_path, script, memory=128 << 20, timeout=LIMIT / 2)
    assert (end.exit_code, log.endswith("MemoryError\n")) == (1, True)


def test_a_job_whose_cgroup_cannot_be_made_is_not_started(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot be held to its memory limit"):
        run(backend, tmp_path, "print(1)", memory=128 << 20, cgroup="/proc/no-cgroup")
    assert run(backend, tmp_path, "print(1)", name="b")[1] == "1\n"
