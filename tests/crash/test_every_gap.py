"""The mayor dies at every kind of gap: before and after each thing that it does, and while git runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.crash.faults import Fault
from tests.crash.laws import assert_no_work_lost, assert_sound
from tests.crash.scene import Scene, Zygote

PARTS = 6


def points_of_a_run(make_scene: Callable[..., Scene], zygote: Zygote) -> list[str]:
    """The names of all points that an undisturbed run passes, in order of first sight."""
    scene = make_scene()
    trace = scene.side / "trace"
    assert zygote.swarm(scene, *scene.words, fault=Fault(trace=str(trace))).code == 0
    return list(dict.fromkeys(trace.read_text().splitlines()))


@pytest.mark.parametrize("part", range(PARTS))
def test_every_gap_is_survived(make_scene: Callable[..., Scene], zygote: Zygote, part: int) -> None:
    names = points_of_a_run(make_scene, zygote)
    assert len(names) > 100
    # One mayor dies at each; in one run one after the other, so that most deaths are those of resumed ones.
    waiting = sorted(names)[part::PARTS]
    waiting.sort(key=names.index)
    while waiting:
        waiting = survive(make_scene(), zygote, waiting)


def survive(scene: Scene, zygote: Zygote, names: list[str]) -> list[str]:
    """Let mayors of one run die at these points in turn; returns those that the run did not come to."""
    missed, story = [], []
    for name in names:
        words = ["resume"] if scene.started else scene.words
        ran = zygote.swarm(scene, *words, fault=Fault(named=name))
        story.append(f"{words[0]}, to die at {name}: exit {ran.code}")
        if not ran.died:
            assert ran.code == 0, "\n".join([*story, ran.output])
            missed = names[names.index(name) :]
            break
    else:
        words = ["resume"] if scene.started else scene.words
        ran = zygote.swarm(scene, *words)
        assert ran.code == 0, "\n".join([*story, ran.output])
    try:
        assert_no_work_lost(scene)
        assert_sound(scene, swarm=lambda *more: zygote.swarm(scene, *more))
    except AssertionError as error:
        error.add_note("\n".join([*story, ran.output]))
        raise
    assert missed != names, f"no run comes to {names[0]}"
    shutil.rmtree(scene.folder)
    return missed
