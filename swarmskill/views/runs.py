"""The text of `swarm runs`."""

from __future__ import annotations

from collections.abc import Sequence

from swarmskill.core.state import State
from swarmskill.model import Outcome
from swarmskill.views.commands import branch_name
from swarmskill.views.marks import PLAIN, Look, date, duration
from swarmskill.views.outcome import run_seconds
from swarmskill.views.run_json import RunEntry
from swarmskill.views.status import table


def runs_text(entries: Sequence[RunEntry], now: float, *, look: Look = PLAIN) -> str:
    """One line a run, in the order given."""
    if not entries:
        return "no runs yet; start one: swarm run tasks.json\n"
    head = ("run", "started", "time", "outcome", "completed", "branch")
    return "\n".join(table(head, [_row(entry, now, look) for entry in entries], look)) + "\n"


def _row(entry: RunEntry, now: float, look: Look) -> tuple[str, ...]:
    state = entry.state
    if state is None or entry.outcome is None:
        return (entry.run_id, "", "", "unreadable", "", look.clean(entry.problem))
    return (
        entry.run_id,
        date(state.started_at),
        duration(run_seconds(state, now)),
        entry.outcome.value,
        f"{completed(state)}/{len(state.tasks)}",
        branch_name(entry.run_id) + (" (landed)" if state.landed and state.landed == state.head else ""),
    )


def completed(state: State) -> int:
    """How many tasks completed."""
    return sum(task.standing is Outcome.COMPLETED for task in state.tasks.values())
