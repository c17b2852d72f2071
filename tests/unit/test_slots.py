"""Slots that several holders share, with real locks of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from swarmskill.backends.slots import SlotFolder, SlotGone, hold_slots, let_go
from swarmskill.config import RunConfig
from swarmskill.errors import Refused
from swarmskill.mayor.capacity import Lease, Slots, StartLine, user_slots
from swarmskill.core.effects import Spawn
from swarmskill.core.state import State
from swarmskill.places import RunFolder


@pytest.fixture
def two(tmp_path: Path) -> SlotFolder:
    folder = SlotFolder(tmp_path / "slots", 2, "this user")
    folder.make()
    return folder


def test_no_more_slots_are_given_than_there_are(two: SlotFolder) -> None:
    one, other = two.claim(), two.claim()
    assert one and other and one[1] != other[1]
    assert (two.claim(), two.in_use()) == (None, 2)
    let_go([one[0]])
    assert two.in_use() == 1
    again = two.claim()
    assert again and again[1] == one[1]
    let_go([other[0], again[0]])
    assert two.in_use() == 0


def test_a_slot_is_handed_over_without_a_gap(two: SlotFolder) -> None:
    slot = two.claim()
    assert slot
    held = hold_slots([slot[1]])
    let_go([slot[0]])
    assert two.in_use() == 1
    let_go(held)
    assert two.in_use() == 0


def test_a_slot_that_somebody_else_claimed_is_gone(two: SlotFolder, tmp_path: Path) -> None:
    script = "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.flock(f,2); print(flush=True); sys.stdin.read()"
    path = str(tmp_path / "slots" / "slot-0")
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(SlotGone):
            hold_slots([str(tmp_path / "slots" / "slot-1"), path])
        assert two.in_use() == 1, "the slots before it are let go"
        process.kill()
        process.wait()
        assert two.in_use() == 0, "the kernel takes back what a dead process had"


def test_who_waits_longer_goes_first_and_the_dead_wait_no_more(two: SlotFolder, tmp_path: Path) -> None:
    first = two.queue_up()
    second = two.queue_up()
    assert not two.others_wait(first) and two.others_wait(second) and two.others_wait(None)
    first.close()
    assert not two.others_wait(second)
    second.close()
    (tmp_path / "slots" / "line" / f"{0:020}-1").touch()  # left by a process that was killed
    assert not two.others_wait(None)
    assert os.listdir(tmp_path / "slots" / "line") == []


def _slots(tmp_path: Path, name: str, **environment: str) -> Slots:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    return Slots(RunFolder(folder), tmp_path / "git", {"XDG_CACHE_HOME": str(tmp_path / "cache"), **environment})


def test_a_worker_needs_a_slot_of_each_kind_and_takes_none_in_vain(tmp_path: Path) -> None:
    config = RunConfig(max_workers_per_user=2, max_workers_per_repo=1)
    slots = _slots(tmp_path, "one")
    lease = slots.claim(config)
    assert isinstance(lease, Lease) and len(lease.paths) == 2
    assert _slots(tmp_path, "two").claim(config) == "a slot of this repository (1 of 1 in use)"
    user = SlotFolder(user_slots({"XDG_CACHE_HOME": str(tmp_path / "cache")}), 2, "this user")
    assert user.in_use() == 1
    lease.close()


def test_a_child_run_may_have_one_worker_whatever_the_limits_say(tmp_path: Path) -> None:
    config = RunConfig(max_workers_per_user=1)
    parent = _slots(tmp_path, "parent").claim(config)
    child = _slots(tmp_path, "child", SWARM_RUN_ID="parent", SWARM_TASK_ID="1")
    mine = child.claim(config)
    assert isinstance(parent, Lease) and isinstance(mine, Lease)
    assert child.claim(config) == "a slot of this user (1 of 1 in use)"
    parent.close()
    second = child.claim(config)
    assert isinstance(second, Lease)
    for lease in (mine, second):
        lease.close()


def test_a_folder_that_cannot_be_made_refuses_the_run(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    received: list[object] = []
    line = StartLine(_slots(tmp_path, "one"), lambda _: False, lambda *_: None, received.append)
    line.take(Spawn("1", 1), State(config=RunConfig(max_workers_per_user=1)))
    line._thread.join(30)  # it ends by the error
    line.close()
    assert len(received) == 1 and isinstance(received[0], Refused)
    assert "the slots that runs share cannot be used" in str(received[0])
