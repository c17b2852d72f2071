"""The JSON documents that describe a run: `run`, `status`, `runs` and `tree` with `--json`.

`why_document` is beside its text in `story`, `events_document` in `events`.

A task's `phase` and `outcome` are the core's words; `outcome` is null until the task has ended,
and `failed` or `blocked` where the tracker did not take what was completed.
A run's `outcome` is one of `outcome.RunOutcome`. Commits are full names, null where there is none.
Costs and tokens are null where no agent told them; totals are the sums of those that were told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from swarmskill.backends.host import HOSTED
from swarmskill.core.budget import run_usage
from swarmskill.core.events import Event
from swarmskill.core.graph import natural
from swarmskill.core.state import Gate, State
from swarmskill.model import NO_REPORT, Outcome, Phase, Problem, Usage
from swarmskill.records import dataclass
from swarmskill.views.attempts import Attempt, attempts_by_task
from swarmskill.views.commands import branch_name
from swarmskill.views.marks import clock
from swarmskill.views.outcome import (
    RunOutcome,
    counts,
    run_outcome,
    run_seconds,
    task_seconds,
)
from swarmskill.views.reasons import feedback_text, reason, why_ended
from swarmskill.views.tracking import ratchets_document


def run_document(
    state: State,
    events: Iterable[Event],
    now: float,
    *,
    held: bool = True,
) -> dict[str, Any]:
    """A whole run: `run --json`, `status --json`, `report.json`.

    `landed` is the commit that the user's branch was moved to, or null. `attempts` counts them,
    `worker` is the last attempt's, `seconds` its time from assignment to end, null before. `cost_usd` and
    `tokens` are null where no agent tells them; `cost_estimated` when some of the cost comes from a price table.
    `gates` are the agents whose workers may not start as they like. `ratchets` is there for a run with a tracker.
    """
    usage, attempts = run_usage(state), attempts_by_task(events)
    document: dict[str, Any] = {
        "run_id": state.run_id,
        "outcome": run_outcome(state, held=held).value,
        "branch": branch_name(state.run_id),
        "base": state.base or None,
        "head": state.head or None,
        "landed": state.landed or None,
        "tasks": [task_row(state, task_id, now, attempts.get(task_id, ())) for task_id in ordered(state)],
        "cost_usd": _dollars(usage),
        "cost_estimated": usage.estimated,
        "tokens": usage.tokens or None,
        "limits": {"max_cost": state.config.max_cost, "max_tokens": state.config.max_tokens},
        "gates": [_gate_row(agent, state.gates[agent]) for agent in sorted(state.gates)],
        "stop_reason": state.stop_reason or None,
        "summary": state.summary,
        "seconds": round(run_seconds(state, now), 3),
    }
    if (ratchets := ratchets_document(state)) is not None:
        document["ratchets"] = ratchets
    return document


def task_row(state: State, task_id: str, now: float, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """One task of `run_document`.

    `agent` is null as long as it may be any of the pool, `model` the one that the agent told last, else the one
    it was asked for. `session` is the agent's last conversation. `problem` and `denied` are the last attempt's
    whose worker has ended.
    """
    task, spec = state.tasks[task_id], state.graph.task(task_id)
    seconds = task_seconds(task, now)
    report = next((attempt.end.report for attempt in reversed(attempts) if attempt.end), NO_REPORT)
    models = (attempt.report.model for attempt in reversed(attempts) if attempt.report.model)
    sessions = (attempt.session for attempt in reversed(attempts) if attempt.session)
    return {
        "id": task_id,
        "subject": spec.subject,
        "phase": task.phase.value,
        "outcome": task.standing.value if task.standing else None,
        "wave": task.wave or None,
        "attempts": task.attempt,
        "agent": task.agent or None,
        "model": next(models, "") or asked_model(state, task_id) or None,
        "session": next(sessions, None),
        "worker": _worker(state, task_id),
        "commit": task.commit or None,
        "cost_usd": _dollars(task.usage),
        "cost_estimated": task.usage.estimated,
        "tokens": task.usage.tokens or None,
        "seconds": None if seconds is None else round(seconds, 3),
        "problem": problem_row(report.problem),
        "denied": list(report.denied),
        "detail": detail(state, task_id),
    }


def problem_row(problem: Problem | None) -> dict[str, Any] | None:
    """What kept an agent from working; null for nothing."""
    return None if problem is None else {"kind": problem.kind.value, "detail": problem.detail}


def usage_row(usage: Usage) -> dict[str, Any]:
    """Tokens and cost, by kind. `cost_usd` is null where nobody can tell."""
    return {
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "tokens": usage.tokens,
        "cost_usd": _dollars(usage),
        "cost_estimated": usage.estimated,
    }


def _dollars(usage: Usage) -> float | None:
    """The cost without the dust of binary fractions."""
    return None if usage.cost_usd is None else round(usage.cost_usd, 6)


def asked_model(state: State, task_id: str) -> str:
    """The model that the task's agent is asked for; "" for its own default."""
    options = state.config.agents.get(state.tasks[task_id].agent)
    return state.graph.task(task_id).model or (options.model if options else "") or state.config.model


def detail(state: State, task_id: str) -> str:
    """What there is to say about a task: why it waits, is tried again or ended, what to note; "" for nothing."""
    task = state.tasks[task_id]
    hold = reason(state, task_id)
    if hold is not None:
        return hold.text
    if task.stalled_since:
        seen = "nothing changed in its worktree" if state.config.backend in HOSTED else "no progress"
        return f"{seen} since {clock(task.stalled_since)}"
    if task.phase is not Phase.ENDED:
        return f"again, because {feedback_text(task.feedback)}" if task.feedback else ""
    if task.standing is not Outcome.COMPLETED:
        return why_ended(task)
    if not task.attempt:
        return "done before the run"
    return "; ".join(task.notes)


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run of a repository; `state` is None when its ledger cannot be read, and `problem` says why."""

    run_id: str
    state: State | None
    held: bool = False
    problem: str = ""

    @property
    def outcome(self) -> RunOutcome | None:
        """How the run stands."""
        return None if self.state is None else run_outcome(self.state, held=self.held)


def runs_document(entries: Iterable[RunEntry], now: float) -> dict[str, Any]:
    """`swarm runs --json`, in the order given."""
    return {"runs": [_run_row(entry, now) for entry in entries]}


def tree_document(state: State, now: float, *, held: bool = True) -> dict[str, Any]:
    """`swarm tree --json`: the graph, each task after all its blockers, done ones first. `generation` counts from 1."""
    graph = state.graph
    order = sorted(range(len(graph.tasks)), key=lambda rank: (not graph.tasks[rank].done, graph.generation[rank], rank))
    return {
        "run_id": state.run_id,
        "outcome": run_outcome(state, held=held).value,
        "tasks": [
            {
                "id": graph.tasks[rank].id,
                "subject": graph.tasks[rank].subject,
                "phase": state.tasks[graph.tasks[rank].id].phase.value,
                "outcome": state.tasks[graph.tasks[rank].id].standing,
                "generation": graph.generation[rank] + 1,
                "blocked_by": list(graph.tasks[rank].blocked_by),
                "blocks": [graph.tasks[dependent].id for dependent in graph.dependents[rank]],
            }
            for rank in order
        ],
    }


def ordered(state: State) -> list[str]:
    """Task ids in the order in which people look for them: numbers inside ids count as numbers."""
    return sorted(state.tasks, key=natural)


def _run_row(entry: RunEntry, now: float) -> dict[str, Any]:
    state = entry.state
    if state is None:
        return {"run_id": entry.run_id, "outcome": None, "problem": entry.problem}
    return {
        "run_id": entry.run_id,
        "outcome": entry.outcome,
        "branch": branch_name(entry.run_id),
        "started_at": state.started_at,
        "seconds": round(run_seconds(state, now), 3),
        "landed": state.landed or None,
        "tasks": len(state.tasks),
        "counts": counts(state),
    }


def _worker(state: State, task_id: str) -> dict[str, Any] | None:
    worker = state.tasks[task_id].worker
    if worker is None:
        return None
    return {
        "agent": agent_name(state, task_id),
        "pid": worker.pid,
        "worktree": worker.worktree,
        "started_at": worker.started_at,
    }


def _gate_row(agent: str, gate: Gate) -> dict[str, Any]:
    return {"agent": agent, "door": gate.door.value, "reason": gate.reason, "until": gate.until or None}


def agent_name(state: State, task_id: str) -> str:
    """The agent that works on the task, or is to; the pool as long as it may be any of that."""
    return state.tasks[task_id].agent or ",".join(share.agent for share in state.config.pool)
