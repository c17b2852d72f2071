"""Runs on paper take as long as their longest chain and their workers allow, and keep the core's rules."""

from __future__ import annotations

from swarmskill.config import RunConfig, Schedule
from swarmskill.core import events as ev
from swarmskill.core.invariants import broken
from swarmskill.core.simulation import simulate, simulated_events
from swarmskill.model import Task


def tasks(**blockers: str) -> list[Task]:
    return [Task(id=name, subject=name, blocked_by=tuple(words.split())) for name, words in blockers.items()]


def seconds(listed: list[Task], workers: int, took: dict[str, float], **named: object) -> float:
    return simulate(listed, RunConfig(max_workers=workers, **named), took.__getitem__).seconds


def test_a_chain_takes_the_sum_and_what_is_apart_the_longest() -> None:
    took = {"a": 3.0, "b": 5.0, "c": 4.0}
    assert seconds(tasks(a="", b="a", c="b"), 5, took) == 12
    assert seconds(tasks(a="", b="", c=""), 5, took) == 5
    assert seconds(tasks(a="", b="", c=""), 1, took) == 12


def test_a_wave_waits_for_its_slowest() -> None:
    listed, took = tasks(a="", slow="", b="a"), {"a": 1.0, "slow": 10.0, "b": 10.0}
    assert seconds(listed, 2, took) == 11
    assert seconds(listed, 2, took, schedule=Schedule.WAVE) == 20


def test_merges_go_one_by_one_beside_the_workers() -> None:
    listed, took = tasks(a="", b="", c=""), dict.fromkeys("abc", 10.0)
    assert simulate(listed, RunConfig(max_workers=3), took.__getitem__, merging=4.0).seconds == 22
    assert simulate(listed, RunConfig(max_workers=1), took.__getitem__, merging=4.0).seconds == 34


def test_two_that_share_a_file_never_run_together() -> None:
    listed = [Task(id=name, subject=name, files=("one.txt",)) for name in "ab"]
    done = simulate(listed, RunConfig(), lambda _: 10.0)
    assert (done.seconds, done.workers) == (20, 1)


def test_every_state_on_the_way_is_sound_and_times_never_go_back() -> None:
    listed = tasks(a="", b="a", c="a", d="b c", e="")
    told = list(simulated_events(listed, RunConfig(max_workers=2), lambda name: float(ord(name)), began=100.0))
    assert [event.at for event, _ in told] == sorted(event.at for event, _ in told)
    found = {problem for _, state in told for problem in broken(state)}
    assert found <= {"two tasks share one commit"}  # on paper one commit stands for all
    assert isinstance(told[0][0], ev.RunStarted)
    assert isinstance(told[-1][0], ev.Reported)
