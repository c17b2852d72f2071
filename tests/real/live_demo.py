"""Draws the live tree of a small run on the terminal that it is given, until a line comes in.

Run by test_live_terminal.py inside tmux; can be run by hand, too: python tests/real/live_demo.py
"""

from __future__ import annotations

import os
import select
import sys
import time

from swarmskill.core import events as ev
from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import step
from swarmskill.config import RunConfig, Share
from swarmskill.model import Task, Usage
from swarmskill.views.base import Progress, View
from swarmskill.views.choose import choose_view


def begin(view: View, started: float) -> State:
    """A run of 40 tasks, four of which work."""
    tasks = tuple(
        Task(id=f"t{i}", subject=f"Reformat module {i}", blocked_by=(f"t{i - 10}",) if i >= 10 else ())
        for i in range(40)
    )
    config = RunConfig(max_workers=4, pool=(Share("codex"),), branch="main")
    events: list[ev.Event] = [
        ev.RunStarted(at=started, run_id="20261121-1200-brave-otter", tasks=tasks, config=config, base="a" * 40)
    ]
    for number in range(4):
        events.append(
            ev.WorkerStarted(
                at=started, task=f"t{number}", attempt=1, pid=1, identity="x", worktree="/w", base="a" * 40
            )
        )
    used = Usage(2_000, 9_400, 1_000, 0.31)
    events.append(ev.WorkerReported(at=started, task="t0", attempt=1, usage=used))
    state = EMPTY
    for event in events:
        state, _ = step(state, event)
        view.saw(event, state)
    return state


def main() -> None:
    """Draw until a line comes in."""
    view = choose_view(sys.stdout, os.environ)
    view.start()
    state = begin(view, time.time() - 65)
    progress = {"t0": Progress("Editing src/\x1b[2Jmodule_0.py")}
    view.note("warning: .env is not there")
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        view.update(state, progress, time.time())
    view.stop()
    print("after the tree", flush=True)
    time.sleep(30)


if __name__ == "__main__":
    main()
