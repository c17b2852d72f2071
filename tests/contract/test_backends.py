"""What every backend promises, whatever holds the processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from swarmskill.backends.base import Backend, CannotStart, Job, JobEnd, JobLost, Started
from swarmskill.backends.process import ProcessBackend
from swarmskill.backends.tmux import TmuxBackend
from swarmskill.model import Ending
from tests.fake_backend import FakeBackend, FakeWorld

LIMIT = 20.0


class Place:
    """Somewhere jobs run; each `visit` is another mayor's backend on the same jobs."""

    def __init__(self, folder: Path, make: Callable[[], Backend]) -> None:
        self._folder = folder
        self._make = make
        self.visits: list[Backend] = []

    def visit(self) -> Backend:
        backend = self._make()
        backend.open()
        self.visits.append(backend)
        return backend

    def job(self, name: str, *argv: str, **options: Any) -> Job:
        log = self._folder / "logs" / f"{abs(hash(name))}.log"
        env = {"PATH": os.environ["PATH"]}
        return Job(name=name, argv=argv, cwd=self._folder, env=env, log=log, **options)


@pytest.fixture(params=["process", "tmux", "fake"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    world = FakeWorld()
    makers: dict[str, Callable[[], Backend]] = {
        "process": lambda: ProcessBackend(tmp_path / "keeper"),
        "tmux": lambda: TmuxBackend(tmp_path / "tmux"),
        "fake": lambda: FakeBackend(world),
    }
    place = Place(tmp_path, makers[request.param])
    yield place
    for backend in place.visits:
        backend.close()
        if isinstance(backend, TmuxBackend):
            backend.server.end()


def run(backend: Backend, job: Job) -> JobEnd:
    return backend.end(job.name, backend.start(job)).result(LIMIT)


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_code_is_told(place: Place, code: int) -> None:
    end = run(place.visit(), place.job("a", "sh", "-c", f"exit {code}"))
    assert (end.ending, end.exit_code) == (Ending.EXITED, code)
    assert end.started_at <= end.ended_at


def test_a_program_that_is_not_there_cannot_be_started(place: Place) -> None:
    backend = place.visit()
    with pytest.raises(CannotStart, match="no-such-program"):
        backend.start(place.job("a", "no-such-program"))
    assert run(backend, place.job("a", "sh", "-c", "exit 0")).exit_code == 0


def test_a_job_without_a_program_cannot_be_started(place: Place) -> None:
    with pytest.raises(CannotStart):
        place.visit().start(place.job("a"))


def test_starting_a_running_job_again_returns_the_same_process(place: Place) -> None:
    backend = place.visit()
    started = backend.start(place.job("a", "sleep", "1000"))
    assert backend.start(place.job("a", "sleep", "1000")) == started
    assert place.visit().start(place.job("a", "sleep", "1000")) == started
    backend.kill("a", force=True)


def test_starting_a_job_that_ended_does_not_run_it_again(place: Place) -> None:
    backend = place.visit()
    job = place.job("a", "sh", "-c", "exit 3")
    started = backend.start(job)
    end = backend.end("a", started).result(LIMIT)
    assert backend.start(job) == started
    assert backend.end("a", started).result(LIMIT) == end
    assert backend.end("a", started).result(LIMIT) == end


def test_each_job_has_an_identity_of_its_own(place: Place) -> None:
    backend = place.visit()
    started = [backend.start(place.job(name, "sh", "-c", "exit 0")) for name in ("a", "b")]
    assert started[0] != started[1]
    assert all(one.identity for one in started)


@pytest.mark.parametrize(("force", "code"), [(False, 143), (True, 137)])
def test_a_killed_job_says_so(place: Place, force: bool, code: int) -> None:
    backend = place.visit()
    end = backend.end("a", backend.start(place.job("a", "sleep", "1000")))
    backend.kill("a", force=force)
    assert (end.result(LIMIT).ending, end.result(LIMIT).exit_code) == (Ending.KILLED, code)


def test_killing_what_is_over_or_was_never_there_does_nothing(place: Place) -> None:
    backend = place.visit()
    job = place.job("a", "sh", "-c", "exit 3")
    started = backend.start(job)
    end = backend.end("a", started).result(LIMIT)
    backend.kill("a", force=True)
    backend.kill("never")
    assert backend.end("a", started).result(LIMIT) == end


def test_a_job_ends_at_its_time_limit(place: Place) -> None:
    end = run(place.visit(), place.job("a", "sleep", "1000", timeout=0.05))
    assert (end.ending, end.exit_code) == (Ending.TIMED_OUT, 143)


def test_a_job_within_its_time_limit_is_left_alone(place: Place) -> None:
    assert run(place.visit(), place.job("a", "sh", "-c", "exit 7", timeout=1000.0)).exit_code == 7


@pytest.mark.parametrize(
    ("timeout", "idle", "ending"),
    [
        (None, 0.05, Ending.STALLED),
        (1000.0, 0.05, Ending.STALLED),
        (0.05, 1000.0, Ending.TIMED_OUT),
        (0.05, None, Ending.TIMED_OUT),
    ],
)
def test_a_silent_job_ends_at_whichever_of_its_limits_comes_first(
    place: Place, timeout: float | None, idle: float | None, ending: Ending
) -> None:
    end = run(place.visit(), place.job("a", "sleep", "1000", timeout=timeout, idle=idle))
    assert (end.ending, end.exit_code) == (ending, 143)


def test_a_job_that_prints_now_and_then_may_run_for_longer_than_its_idle_limit(place: Place) -> None:
    script = "for turn in 1 2 3 4 5 6 7 8; do sleep 0.2; echo $turn; done; exit 7"
    end = run(place.visit(), place.job("a", "sh", "-c", script, idle=1.0))
    assert (end.ending, end.exit_code) == (Ending.EXITED, 7)


def test_a_job_that_was_killed_does_not_count_as_stalled(place: Place) -> None:
    backend = place.visit()
    end = backend.end("a", backend.start(place.job("a", "sleep", "1000", idle=1000.0)))
    backend.kill("a")
    assert end.result(LIMIT).ending is Ending.KILLED


def test_the_end_of_an_unknown_job_is_lost(place: Place) -> None:
    backend = place.visit()
    with pytest.raises(JobLost):
        backend.end("never", Started(1, "nobody")).result(LIMIT)


def test_the_end_of_another_process_of_the_same_name_is_lost(place: Place) -> None:
    backend = place.visit()
    started = backend.start(place.job("a", "sleep", "1000"))
    with pytest.raises(JobLost):
        backend.end("a", Started(started.pid, "of an earlier boot")).result(LIMIT)
    backend.kill("a", force=True)


def test_a_surviving_job_goes_on_when_its_mayor_lets_go_and_the_next_one_adopts_it(place: Place) -> None:
    first = place.visit()
    started = first.start(place.job("a", "sleep", "1000"))
    first.close()
    second = place.visit()
    end = second.end("a", started)
    assert second.start(place.job("a", "sleep", "1000")) == started
    assert not end.done()
    second.kill("a")
    assert end.result(LIMIT).exit_code == 143


def test_a_job_that_does_not_survive_is_killed_when_its_mayor_lets_go(place: Place) -> None:
    first = place.visit()
    started = first.start(place.job("a", "sleep", "1000", survives=False))
    first.close()
    assert place.visit().end("a", started).result(LIMIT).ending is Ending.KILLED


def test_an_end_that_no_mayor_saw_is_told_to_the_next_one(place: Place) -> None:
    first = place.visit()
    started = first.start(place.job("a", "sh", "-c", "exit 9"))
    first.close()
    assert place.visit().end("a", started).result(LIMIT).exit_code == 9


def test_several_may_wait_for_the_same_end(place: Place) -> None:
    first, second = place.visit(), place.visit()
    started = first.start(place.job("a", "sleep", "1000"))
    ends = [first.end("a", started), first.end("a", started), second.end("a", started)]
    second.kill("a")
    assert {end.result(LIMIT).exit_code for end in ends} == {143}


@pytest.mark.parametrize(
    "name",
    ["", "a b", "../../etc/passwd", "line\nbreak", "tab\t\x00\x1b", "ünï-☃-🐝", "\udcff", "x" * 10_000, "{", "-rf"],
)
def test_any_string_is_a_name(place: Place, name: str) -> None:
    backend = place.visit()
    started = backend.start(place.job(name, "sh", "-c", "exit 5"))
    assert backend.end(name, started).result(LIMIT).exit_code == 5
    assert backend.start(place.job(name, "sh", "-c", "exit 5")) == started


def test_very_many_jobs_run_at_once(place: Place) -> None:
    backend = place.visit()
    # Each window takes a process of its own, which is a fifth of a second where all cores are busy.
    names = [f"job {number}" for number in range(50 if backend.name == "tmux" else 200)]
    ends: list[Future[JobEnd]] = []
    for name in names:
        ends.append(backend.end(name, backend.start(place.job(name, "sleep", "1000"))))
    assert not any(end.done() for end in ends)
    for name in names:
        backend.kill(name, force=True)
    assert {end.result(LIMIT).exit_code for end in ends} == {137}


def test_opening_twice_is_harmless(place: Place) -> None:
    backend = place.visit()
    started = backend.start(place.job("a", "sleep", "1000"))
    backend.open()
    assert backend.start(place.job("a", "sleep", "1000")) == started
    backend.kill("a", force=True)
    assert backend.end("a", started).result(LIMIT).exit_code == 137
