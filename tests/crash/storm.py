"""Random faults, several in one run, until a given number of mayors has died; the laws are checked after each run."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.crash.faults import Fault
from tests.crash.laws import assert_no_work_lost, assert_sound, processes_of
from tests.crash.scene import Scene, Zygote, wait_until

POINTS_AHEAD = 180
"""A mayor dies among its first points, about a quarter of what an undisturbed run passes."""

MOST_KEEPERS = 3
MOST_WORKERS = 1
"""Killed in one run: fewer than the losses and failures after which a task is given up."""


@dataclass
class Storm:
    """One series of runs. `deaths` counts the faults that hit, by place; `runs` the runs that ended."""

    seed: str
    zygote: Zygote
    make_scene: Callable[..., Scene]
    windows: bool = False
    """Whether the workers are in tmux windows."""
    deaths: Counter[str] = field(default_factory=Counter)
    runs: int = 0

    def blow(self, deaths: int) -> None:
        """Go on until so many faults have hit."""
        random = Random(self.seed)
        while self.deaths.total() < deaths:
            scene = self.make_scene(nap=random.choice((0, 0.02, 0.1)), windows=self.windows)
            story: list[str] = []
            try:
                self._run(scene, random, story, deaths)
            except BaseException as error:
                error.add_note(f"seed {self.seed}, run {self.runs + 1}:\n  " + "\n  ".join(story))
                raise
            self.runs += 1
            shutil.rmtree(scene.folder)

    def _run(self, scene: Scene, random: Random, story: list[str], deaths: int) -> None:
        keepers = workers = 0
        half_landed = False
        died_at = scene.side / "died"
        while True:
            calm = self.deaths.total() >= deaths
            fault = None if calm else _fault(random, keepers < MOST_KEEPERS, workers < MOST_WORKERS, str(died_at))
            words = ["resume"] if scene.started else scene.words
            ran = self.zygote.swarm(scene, *words, fault=fault)
            if not ran.died:
                story.append(f"{words[0]}: exit {ran.code}\n{ran.output}")
                assert ran.code == 0
                break
            assert fault is not None
            place = died_at.read_text()
            keepers, workers = keepers + fault.with_keeper, workers + fault.with_workers
            story.append(f"{words[0]}: died at {place} {fault}")
            self.deaths[_kind(fault, place)] += 1
            half_landed |= fault.with_git and place == "git merge:during"
            self._pause(scene, random)
        if not keepers and not workers:
            assert_no_work_lost(scene)
        landed = not (half_landed and _refused_to_land(scene))
        assert_sound(scene, landed=landed, one_start=not keepers, swarm=lambda *m: self.zygote.swarm(scene, *m))

    def _pause(self, scene: Scene, random: Random) -> None:
        """Before the next mayor: none, a moment, or until all that was left behind has ended."""
        pause = random.choice((0.0, 0.0, 0.03, 0.15, 9.0))
        if pause > 1:
            wait_until(lambda: not processes_of(scene))
        else:
            time.sleep(pause)


def _refused_to_land(scene: Scene) -> bool:
    """A git that is killed while it updates the user's checkout leaves its lock there: that is for the user to see."""
    lock = scene.top / ".git" / "index.lock"
    if not lock.exists():
        return False
    assert "index.lock" in scene.state.landing_refused
    lock.unlink()
    return True


def _fault(random: Random, keeper: bool, worker: bool, died: str) -> Fault:
    point = random.randint(1, POINTS_AHEAD)
    match random.choices(("point", "git", "keeper", "workers", "both"), (70, 12, 6, 6, 6))[0]:
        case "git":
            return Fault(point=point, with_git=True, linger=random.choice((0, 0.001, 0.003)), died=died)
        case "keeper" if keeper:
            return Fault(point=point, with_keeper=True, died=died)
        case "workers" if worker:
            return Fault(point=point, with_workers=True, died=died)
        case "both" if worker and keeper:
            return Fault(point=point, with_keeper=True, with_workers=True, died=died)
    return Fault(point=point, linger=random.choice((0, 0.001)), died=died)


def _kind(fault: Fault, place: str) -> str:
    also = "".join(
        f" + {who}"
        for who, dies in (
            ("git", fault.with_git and "during" in place),
            ("keeper", fault.with_keeper),
            ("workers", fault.with_workers),
        )
        if dies
    )
    return f"mayor{also} at {place}"
