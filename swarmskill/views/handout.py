"""What an assistant is told: the workers to spawn, and what is next. Short, for every word stays in its context."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from swarmskill.core.state import Stage, State, Stop
from swarmskill.model import Outcome, Phase
from swarmskill.places import RESULT_FILE
from swarmskill.records import dataclass
from swarmskill.views.marks import clock, short
from swarmskill.views.outcome import all_completed, counts, counts_text
from swarmskill.views.reasons import feedback_text, why_ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """One worker that is out. `call` is the tool call that spawns it or speaks to it, None if the assistant is it.

    `nameless` if the assistant has to tell by which id it knows the worker.
    """

    task: str
    worker: str
    worktree: str
    timeout: float
    call: Mapping[str, Any] | None
    again: bool
    nameless: bool = False


@dataclass(frozen=True, slots=True)
class DoneCommand:
    """How the assistant takes back workers of a run. `seconds` is how long it waits, `run` is "" for the newest run."""

    seconds: float
    run: str = ""

    def waiting(self, tasks: Iterable[str], nameless: Iterable[str] = ()) -> str:
        """The command that takes back what came of these, as soon as something did."""
        words = [*map(shlex.quote, tasks), *(f"--worker {shlex.quote(task)}=ID" for task in nameless)]
        return " ".join(["swarm done", *words, *([f"--wait {self.seconds:g}"] if self.seconds else []), *self._run()])

    def ended(self, task: str) -> str:
        """The command for a worker that has ended, with or without a result."""
        return " ".join(["swarm done", shlex.quote(task), *self._run()])

    def _run(self) -> list[str]:
        return [f"--run {self.run}"] if self.run else []


ANY = "TASK"
"""Stands for a task that the assistant knows."""


def handout_document(
    state: State,
    handed: Iterable[Handed],
    *,
    using: str,
    refused: Sequence[str] = (),
    wait: str,
    before: Mapping[str, Any] | None,
    done: DoneCommand,
) -> dict[str, Any]:
    """`swarm next --json`. `prompt` and `result` are paths in each worktree; `timeout` is in seconds.

    `refused` tells of each better way to spawn workers why it is not used.
    """
    handed = list(handed)
    document: dict[str, Any] = {"run_id": state.run_id, "using": using}
    if refused:
        document["refused"] = list(refused)
    if handed:
        document |= {"prompt": ".swarm/prompt.md", "result": RESULT_FILE}
        if before is not None:
            document["before"] = before
        document["assignments"] = [_row(one) for one in handed]
        document["done"] = done.waiting([one.task for one in handed], [one.task for one in handed if one.nameless])
    document["next"] = next_line(state, handed, wait)
    return document


def handout_text(document: Mapping[str, Any]) -> str:
    """The same for a person."""
    lines = [f"run {document['run_id']}, using {document['using']}"]
    for row in document.get("assignments", ()):
        note = " (handed out before)" if row.get("again") else ""
        lines.append(f"  {row['worker']}{note}: task {row['task']} in {row['worktree']}")
    if "done" in document:
        lines.append(f"done: {document['done']}")
    return "\n".join([*lines, document["next"]])


def next_line(state: State, handed: list[Handed], wait: str) -> str:
    """What the assistant is to do now."""
    fresh = [one for one in handed if not one.again]
    out = [one for one in handed if one.again]
    words = []
    if fresh and fresh[0].call:
        them = f"the {len(fresh)} `call`s" if not out else "the `call` of " + _names(fresh)
        words.append(f"Make {them if handed[1:] else 'its `call`'}{', all in one message' if fresh[1:] else ''}.")
    if stopping := stopping_line(state):
        words.append(f"T{stopping[1:]}.")
    if out:
        told = " (call those that you have not)" if out[0].call else ""
        words.append(f"Out already: {_names(out)}{told}.")
    if quiet := quiet_line(state, [one.task for one in out]):
        words.append(f"N{quiet[1:]}.")
    if handed:
        return " ".join([*words, wait])
    return over_line(state)


def _names(handed: Iterable[Handed]) -> str:
    return ", ".join(one.worker for one in handed)


def stopping_line(state: State) -> str:
    """That the run is being stopped, and what follows; "" if it is not."""
    if state.stop is Stop.NONE:
        return ""
    return f"the run is being stopped ({state.stop_reason or 'on request'}): it ends when these workers have"


def quiet_line(state: State, tasks: Iterable[str]) -> str:
    """Whose worker shows no sign of life in its worktree, which is all of it that can be seen; "" for nobody's."""
    quiet = [(task_id, since) for task_id in tasks if (since := state.tasks[task_id].stalled_since)]
    if not quiet:
        return ""
    whose = ", ".join(f"{task_id} (since {clock(since)})" for task_id, since in quiet)
    return f"nothing changed in the worktree of {whose}: look whether the worker gets on"


def over_line(state: State) -> str:
    """How a run stands of which nobody is out."""
    if state.stop is not Stop.NONE:
        return f"The run is stopped: {state.stop_reason or 'on request'}. If the user wants it: swarm next --resume"
    if state.stage is not Stage.OVER:
        return "swarm next"
    told = f"The run is over: {counts_text(counts(state))}."
    if state.landed == state.head != state.base:
        told += f" Landed on {state.config.branch or 'HEAD'}."
    elif state.landing_refused:
        told += f" Not landed: {state.landing_refused}. {state.landing_hint}"
    return told if all_completed(state) else told + " See: swarm report"


def done_line(state: State, tasks: Iterable[str], out: Iterable[str], done: DoneCommand) -> str:
    """What became of these tasks, and what is next, in one line."""
    told = [_became(state, task) for task in tasks]
    waiting = list(out)
    ready = any(task.phase is Phase.RUNNING for name, task in state.tasks.items() if name not in waiting)
    if ready:
        told.append("next: swarm next --json")
    elif waiting:
        again = f"; again: {done.waiting(waiting)}" if done.seconds else ""
        if stopping := stopping_line(state):
            told.append(stopping)
        told += filter(None, [quiet_line(state, waiting)])
        told.append(f"still out: {', '.join(waiting)}{again}")
    else:
        told.append(over_line(state))
    return "; ".join(told)


def nothing_line(state: State, tasks: Sequence[str], waited: float, done: DoneCommand) -> str:
    """What to do when none of these tasks' workers has left a result in so many seconds."""
    ended = done.ended(tasks[0] if len(tasks) == 1 else ANY)
    notes = "".join(f"{line}; " for line in (stopping_line(state), quiet_line(state, tasks)) if line)
    return (
        f"nothing has come from {', '.join(tasks)} in {waited:g} s; {notes}again: {done.waiting(tasks)}; "
        f"for one that has ended without a result: {ended}"
    )


def _became(state: State, task_id: str) -> str:
    task = state.tasks[task_id]
    if task.standing is Outcome.COMPLETED:
        return f"{task_id} completed as {short(task.commit)}"
    if task.phase is Phase.ENDED:
        return f"{task_id} {task.standing}: {why_ended(task)}"
    if task.feedback is not None:
        return f"{task_id} is tried again: {feedback_text(task.feedback)}"
    return f"{task_id} is {task.phase}"


def _row(one: Handed) -> dict[str, Any]:
    row: dict[str, Any] = {"task": one.task, "worker": one.worker, "worktree": one.worktree}
    row["timeout"] = round(one.timeout)
    if one.again:
        row["again"] = True
    if one.call is not None:
        row["call"] = one.call
    return row
