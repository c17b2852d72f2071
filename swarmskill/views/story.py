"""The story of one task: what happened, in order, why it stands where it does, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from swarmskill.config import Mode
from swarmskill.core.events import AttemptEvent, Event, WorkerReported
from swarmskill.core.state import State
from swarmskill.model import Outcome, Phase
from swarmskill.places import RunFolder, attempt_key
from swarmskill.records import dataclass
from swarmskill.views import commands
from swarmskill.views.attempts import Attempt, attempt_agents, attempts_of, task_events
from swarmskill.views.events import event_text
from swarmskill.views.marks import PLAIN, Look, clock, count, duration, safe, shorten, style_of, usage_text
from swarmskill.views.outcome import task_seconds, word
from swarmskill.views.reasons import blocking_chain, chain_text, problem_text, retries_left
from swarmskill.views.run_json import detail, problem_row, task_row, usage_row

TAIL = 20
"""Lines of a failed check's output that the story shows."""

_SAID = 200
"""Columns of an agent's last words that the story shows."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that there is to tell about one task; text and JSON are made from it."""

    state: State
    task_id: str
    now: float
    folder: RunFolder
    events: tuple[AttemptEvent, ...]
    attempts: tuple[Attempt, ...]
    agents: dict[int, str]
    """The agent of each attempt that had a worker."""
    chain: tuple[str, ...]
    retries: dict[str, tuple[int, int]]
    next: tuple[tuple[str, str], ...]


def story_of(
    state: State, events: Iterable[Event], task_id: str, folder: RunFolder, now: float, *, newest: bool = True
) -> Story:
    """Gather a task's story. `newest` tells whether commands may leave the run out. Raises KeyError."""
    told = tuple(events)
    own = task_events(told, task_id)
    attempts = attempts_of(own, task_id)
    chain = blocking_chain(state, task_id)
    run = "" if newest else state.run_id
    return Story(
        state=state,
        task_id=task_id,
        now=now,
        folder=folder,
        events=tuple(event for event in own if not isinstance(event, WorkerReported)),  # the attempts tell the sum
        attempts=tuple(attempts),
        agents={number: agent for (task, number), agent in attempt_agents(state, told).items() if task == task_id},
        chain=tuple(chain) if len(chain) > 1 else (),
        retries=retries_left(state, task_id),
        next=tuple(_next(state, task_id, attempts, chain, run)),
    )


def why(
    state: State,
    events: Iterable[Event],
    task_id: str,
    folder: RunFolder,
    now: float,
    *,
    look: Look = PLAIN,
    newest: bool = True,
) -> str:
    """The text of `swarm why TASK`. Raises KeyError if the run has no such task."""
    story = story_of(state, events, task_id, folder, now, newest=newest)
    parts = [_heading(story, look), _happened(story, look)]
    parts += [_attempt_lines(story, attempt, look) for attempt in story.attempts]
    parts += [_retry_lines(story), _next_lines(story, look)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def why_document(
    state: State, events: Iterable[Event], task_id: str, folder: RunFolder, now: float, *, newest: bool = True
) -> dict[str, Any]:
    """`swarm why TASK --json`. Raises KeyError if the run has no such task."""
    story = story_of(state, events, task_id, folder, now, newest=newest)
    return {
        "run_id": state.run_id,
        "task": task_row(state, task_id, now, story.attempts),
        "blocked_by": list(state.graph.task(task_id).blocked_by),
        "chain": list(story.chain),
        "story": [{"at": event.at, "attempt": event.attempt, "text": event_text(event)} for event in story.events],
        "attempts": [_attempt_row(story, attempt) for attempt in story.attempts],
        "retries": {kind: {"used": used, "left": left} for kind, (used, left) in story.retries.items()},
        "next": [{"command": command, "does": does} for command, does in story.next],
    }


def _heading(story: Story, look: Look) -> list[str]:
    state, task_id = story.state, story.task_id
    task, spec = state.tasks[task_id], state.graph.task(task_id)
    seconds = _seconds(story)
    mark = look.paint(look.mark(task), style_of(task))
    ended = task.phase is Phase.ENDED
    tries = f" after {count(task.attempt, 'attempt')}" if ended and task.attempt > 1 else ""
    took = f" {'in' if ended else 'for'} {duration(seconds)}" if seconds is not None else ""
    lines = [f'{mark} {look.clean(task_id)} "{look.clean(spec.subject)}": {word(task).replace("_", " ")}{tries}{took}']
    said = detail(state, task_id)
    if said:
        lines.append(f"  {look.clean(said)}")
    if len(story.chain) > 2 or (story.chain and state.tasks[story.chain[-1]].phase is Phase.ENDED):
        lines.append(f"  {look.clean(chain_text(state, list(story.chain)))}")
    if state.summary and not ended:
        lines.append(f"  the run was summed up: {look.clean(state.summary)}")
    return lines


def _seconds(story: Story) -> float | None:
    """From the first worker's start to the task's end, or to now; None when none has started."""
    task = story.state.tasks[story.task_id]
    started = [attempt.started_at for attempt in story.attempts if attempt.started_at]
    if not started or task_seconds(task, story.now) is None:
        return None
    return (task.ended_at if task.phase is Phase.ENDED else story.now) - min(started)


def _happened(story: Story, look: Look) -> list[str]:
    several = len(story.attempts) > 1
    return [
        f"  {clock(event.at)}  {f'#{event.attempt}  ' if several else ''}{look.clean(event_text(event))}"
        for event in story.events
    ]


def _attempt_lines(story: Story, attempt: Attempt, look: Look) -> list[str]:
    lines = [f"attempt {attempt.number}"]
    lines += [f"  {name:<9} {look.clean(text)}" for name, text in _agent_facts(story, attempt)]
    for name, path in _files(story, attempt):
        lines.append(f"  {name:<9} {look.clean(str(path))}{'' if path.exists() else ' (gone)'}")
    if attempt.work:
        lines.append(f"  {'work':<9} {look.clean(commands.diff(attempt.base, attempt.work))}")
    failed = attempt.failed
    if failed is not None:
        name = "" if failed.name == failed.kind else f" ({failed.name})"
        lines.append(f"  {'failed':<9} {look.clean(f'{failed.kind}{name}: {failed.detail}')}")
    log = story.folder.log(attempt_key(story.task_id, attempt.number))
    lines += [f"    {look.sign('│')} {look.clean(line)}" for line in attempt.output(log, TAIL)]
    if failed is not None and failed.log:
        lines.append(f"  {'output':<9} {look.clean(failed.log)}")
    return lines


def _agent_facts(story: Story, attempt: Attempt) -> Iterator[tuple[str, str]]:
    """Who worked, with which model and session, what it used and what kept it from working."""
    report = attempt.report
    agent = story.agents.get(attempt.number, "")
    if agent:
        yield "agent", f"{agent}, model {report.model}" if report.model else agent
    if attempt.session:
        yield "session", attempt.session + (" (goes on with it)" if attempt.resumed else "")
    if attempt.continued and not attempt.resumed:
        yield "goes on", "in the worktree of the attempt before"
    if attempt.usage.tokens:
        yield "used", usage_text(attempt.usage)
    if report.problem is not None:
        yield "problem", problem_text(report.problem)
    if report.denied:
        yield "denied", ", ".join(report.denied)
    if report.said:
        yield "said", shorten(safe(report.said), _SAID, "...")


def _files(story: Story, attempt: Attempt) -> Iterator[tuple[str, Path]]:
    key = attempt_key(story.task_id, attempt.number)
    if attempt.worktree:
        yield "worktree", Path(attempt.worktree)
    yield "prompt", story.folder.prompt(key)
    yield "log", story.folder.log(key)
    if attempt.end is not None and attempt.end.result is not None:
        yield "result", story.folder.result(key)


def _retry_lines(story: Story) -> list[str]:
    if story.state.tasks[story.task_id].outcome is Outcome.COMPLETED:
        return []
    return [f"retries   {kind}: {used} used, {left or 'none'} left" for kind, (used, left) in story.retries.items()]


def _next_lines(story: Story, look: Look) -> list[str]:
    if not story.next:
        return []
    width = max(len(command) for command, _ in story.next)
    lines = [f"  {look.clean(command):<{width}}  # {does}" for command, does in story.next]
    return ["next", *lines]


def _next(
    state: State, task_id: str, attempts: Sequence[Attempt], chain: Sequence[str], run: str
) -> Iterator[tuple[str, str]]:
    """Commands that help with this task, and what each does."""
    task = state.tasks[task_id]
    if attempts:
        yield commands.logs(task_id, run), "what the worker printed"
        yield from _look_commands(attempts[-1])
    if attempts and state.config.mode is Mode.DISTRIBUTED and task.outcome is not Outcome.COMPLETED:
        yield commands.attach(task_id, run), "the worker's window"
    if task.commit:
        yield commands.show(task.commit), "what was committed"
    if len(chain) > 1 and task.phase in (Phase.WAITING, Phase.ENDED):
        yield commands.why(chain[-1], run), "what the others wait for"
        if state.tasks[chain[-1]].phase is Phase.ENDED:
            yield commands.retry(chain[-1], run), "try that again; what was skipped because of it follows"
    if task.phase is Phase.ENDED and task.standing not in (Outcome.COMPLETED, Outcome.SKIPPED):
        integrated = task.outcome is Outcome.COMPLETED
        yield commands.retry(task_id, run), "tell the tracker again" if integrated else "try again"


def _look_commands(attempt: Attempt) -> Iterator[tuple[str, str]]:
    if attempt.worktree and not attempt.commit and Path(attempt.worktree).exists():
        left = "the worktree as the worker left it" if attempt.end else "the worktree in which it works"
        yield commands.change_folder(attempt.worktree), left
    if attempt.work and not attempt.commit:
        yield commands.diff(attempt.base, attempt.work), "what the attempt changed"


def _attempt_row(story: Story, attempt: Attempt) -> dict[str, Any]:
    files = {name: str(path) for name, path in _files(story, attempt)}
    end, failed = attempt.end, attempt.failed
    return {
        "attempt": attempt.number,
        "agent": story.agents.get(attempt.number),
        "model": attempt.report.model or None,
        "session": attempt.session or None,
        "resumed": attempt.resumed,
        "continued": attempt.continued,
        "usage": usage_row(attempt.usage),
        "agent_problem": problem_row(attempt.report.problem),
        "denied": list(attempt.report.denied),
        "said": attempt.report.said,
        "worktree": files.get("worktree"),
        "prompt": files["prompt"],
        "log": files["log"],
        "result": files.get("result"),
        "base": attempt.base or None,
        "work": attempt.work or None,
        "commit": attempt.commit or None,
        "pid": attempt.pid or None,
        "started_at": attempt.started_at or None,
        "ended_at": end.ended_at if end else None,
        "ending": end.ending.value if end else None,
        "exit_code": end.exit_code if end else None,
        "claim": end.result.status.value if end and end.result else None,
        "problem": attempt.problem,
        "waited_to_merge": attempt.waited_to_merge,
        "failed": None
        if failed is None
        else {
            "kind": failed.kind.value,
            "name": failed.name,
            "detail": failed.detail,
            "output": failed.output,
            "log": failed.log or None,
        },
    }
