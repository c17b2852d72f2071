"""What is left of a run that was killed after its mayor was gone."""

from __future__ import annotations

from swarmskill.core.copying import replace
from swarmskill.core.graph import bits
from swarmskill.core.moves import reopen
from swarmskill.core.state import State


def without_dead(state: State) -> State:
    """The run as it is to be shown: workers that were killed are at work no more, their tasks wait for another try.

    Only for looking: how these workers ended, what they used last and left is for the next mayor to find out.
    """
    if not state.killed:
        return state
    shown = state
    for rank in bits(state.busy):
        task_id = state.graph.tasks[rank].id
        used = state.tasks[task_id].used
        shown = reopen(shown, task_id)
        task = replace(shown.tasks[task_id], settled=shown.tasks[task_id].settled + used, stalled_since=0.0)
        shown = replace(shown, tasks=shown.tasks.insert(task_id, task), settled=shown.settled + used)
    return shown
