"""The report of a run in Markdown, written at its end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from swarmskill.core.events import Event
from swarmskill.core.state import Stage, State
from swarmskill.model import Outcome
from swarmskill.places import RunFolder, attempt_key
from swarmskill.views import commands
from swarmskill.views.attempts import Attempt, attempt_agents, attempts_by_task
from swarmskill.views.below import Sums, runs_below, sums_of
from swarmskill.views.diagrams import run_mermaid
from swarmskill.views.gates import gate_lines
from swarmskill.views.kinship import Family
from swarmskill.views.marks import amount, cost_text, count, date, duration, safe, short
from swarmskill.views.outcome import Status, counts, counts_text, run_outcome, run_seconds, task_seconds, task_status
from swarmskill.views.reasons import problem_text, why_ended
from swarmskill.views.remedies import going_on, mending
from swarmskill.views.run_json import detail, ordered
from swarmskill.views.spending import whole_budget
from swarmskill.views.tracking import tracked_text, tracking_rows

_TAIL = 15
_GRAPH_LIMIT = 100
"""Tasks beyond which a flowchart is no help, and code hosts refuse to draw it."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#])")

Attempts = dict[str, list[Attempt]]


def report_markdown(
    state: State,
    events: Iterable[Event],
    folder: RunFolder,
    now: float,
    *,
    graph: bool = False,
    family: Family | None = None,
) -> str:
    """The whole report. It is written by the mayor that holds the run, just before the run is over.

    With `graph` it shows the tasks as a Mermaid flowchart, too, which code hosts draw. Of the `family` it lists
    the runs that its workers started, with the costs of all.
    """
    told = tuple(events)
    attempts, sums = attempts_by_task(told), sums_of(family) if family and family.relatives[1:] else None
    sections = (
        _heading(state, now, sums),
        _summary(state),
        _graph(state) if graph else (),
        _tasks(state, attempts, now),
        _attempts(state, told, attempts),
        _runs_below(family, sums, now),
        _tracking(state),
        _commits(state, attempts),
        _unfinished(state, attempts, folder),
        _merging(attempts),
        _further(state, folder),
    )
    return "\n\n".join("\n".join(section) for section in map(list, sections) if section) + "\n"


def escape(text: str) -> str:
    """Foreign text as Markdown that shows it as it is, in a table's cell too."""
    return _SPECIAL.sub(r"\\\1", safe(text))


def _heading(state: State, now: float, sums: Sums | None) -> Iterator[str]:
    yield f"# Run {state.run_id}: {_outcome(state)}"
    yield ""
    yield (
        f"{count(len(state.tasks), 'task')}: {counts_text(counts(state))}. "
        f"Started {date(state.started_at)}, {duration(run_seconds(state, now))}."
    )
    used = whole_budget(state).text
    if sums and sums.text:
        used = f"{used or 'nothing'}; with the runs that its workers started {sums.text}"
    if used:
        yield f"Used {escape(used)}."
    if state.stop_reason:
        yield f"Stopped: {escape(state.stop_reason)}."
    for line in gate_lines(state):
        yield f"{escape(line[:1].upper() + line[1:])}."


def _summary(state: State) -> Iterator[str]:
    """What the agent said when the budget was used up."""
    if state.summary:
        yield "## Summary by the agent"
        yield ""
        yield escape(state.summary)


def _graph(state: State) -> Iterator[str]:
    if len(state.graph.tasks) > _GRAPH_LIMIT:
        return
    yield "## Graph"
    yield ""
    yield from _block(run_mermaid(state).rstrip("\n").split("\n"), "mermaid")


def _outcome(state: State) -> str:
    """The outcome that the run has once this report is written."""
    return run_outcome(replace(state, stage=Stage.OVER)).value


def _tasks(state: State, attempts: Attempts, now: float) -> Iterator[str]:
    yield "## Tasks"
    yield ""
    head = ("task", "subject", "outcome", "attempts", "time", "tokens", "cost", "waited to merge", "commit", "detail")
    yield from _table(head, [_task_cells(state, task_id, attempts.get(task_id, []), now) for task_id in ordered(state)])


def _task_cells(state: State, task_id: str, attempts: list[Attempt], now: float) -> tuple[str, ...]:
    task = state.tasks[task_id]
    seconds = task_seconds(task, now)
    waited = [one.waited_to_merge for one in attempts if one.waited_to_merge is not None]
    return (
        escape(task_id),
        escape(state.graph.task(task_id).subject),
        escape(task.standing or task.phase),
        str(task.attempt or ""),
        "" if seconds is None else duration(seconds),
        amount(task.usage.tokens) if task.usage.tokens else "",
        escape(cost_text(task.usage)),
        duration(sum(waited)) if waited else "",
        f"`{short(task.commit)}`" if task.commit else "",
        escape(detail(state, task_id)),
    )


def _attempts(state: State, events: Sequence[Event], attempts: Attempts) -> Iterator[str]:
    """What the agents told of each attempt, if any of them told anything."""
    agents = attempt_agents(state, events)
    own = [(task_id, one) for task_id in ordered(state) for one in attempts.get(task_id, ()) if one.told]
    if not own:
        return
    yield "## Attempts"
    yield ""
    head = ("task", "attempt", "agent", "model", "session", "tokens", "cost", "problem", "was denied")
    rows = [_attempt_cells(task_id, one, agents.get((task_id, one.number), "")) for task_id, one in own]
    yield from _table(head, rows)


def _attempt_cells(task_id: str, attempt: Attempt, agent: str) -> tuple[str, ...]:
    report = attempt.report
    return (
        escape(task_id),
        str(attempt.number),
        escape(agent),
        escape(report.model),
        escape(attempt.session) + (" (goes on)" if attempt.resumed else ""),
        amount(attempt.usage.tokens) if attempt.usage.tokens else "",
        escape(cost_text(attempt.usage)),
        escape(problem_text(report.problem)) if report.problem else "",
        escape(", ".join(report.denied)),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table without the columns that are empty."""
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    yield f"| {' | '.join(head[i] for i in used)} |"
    yield f"|{'---|' * len(used)}"
    for row in rows:
        yield f"| {' | '.join(row[i] for i in used)} |"


def _runs_below(family: Family | None, sums: Sums | None, now: float) -> Iterator[str]:
    """The runs that the workers started, and theirs, with what each used itself and what all used."""
    if family is None or sums is None:
        return
    yield "## Runs that its workers started"
    yield ""
    head = ("run", "started by", "task", "outcome", "tasks", "time", "tokens", "cost")
    cells = [
        (one.run_id, one.by, escape(one.task), one.outcome, escape(one.tasks), one.time, one.tokens, escape(one.cost))
        for one in runs_below(family, now)
    ]
    if sums.text:
        lines = (("this run itself", sums.own), ("all of them", sums.whole))
        cells += [(name, *("",) * 5, tokens, escape(cost)) for name, (tokens, cost) in lines]
    yield from _table(head, cells)


def _tracking(state: State) -> Iterator[str]:
    """What the run's tracker made of the tasks."""
    if not state.config.tracker:
        return
    yield f"## Tracker: {tracked_text(state)}"
    yield ""
    rows = [tuple(map(escape, row)) for row in tracking_rows(state)]
    yield from _table(("task", "outcome", state.config.tracker), rows)
    if state.config.left_out:
        yield ""
        yield "Not run, as the list has them blocked:"
        yield ""
        yield from (f"- {escape(line)}" for line in state.config.left_out)


def _commits(state: State, attempts: Attempts) -> Iterator[str]:
    """The run branch's commits in the order in which they came."""
    done = [
        (one.decided_at, task_id, one.commit)
        for task_id, own in attempts.items()
        for one in own
        if one.commit and one.commit == state.tasks[task_id].commit
    ]
    if not done:
        return
    yield f"## Commits on `{commands.branch_name(state.run_id)}`"
    yield ""
    # sorted is stable and events are in order, so equal times keep the order of the ledger per task
    for _, task_id, commit in sorted(done, key=lambda entry: entry[0]):
        yield f"1. `{short(commit)}` {escape(task_id)}: {escape(state.graph.task(task_id).subject)}"


def _unfinished(state: State, attempts: Attempts, folder: RunFolder) -> Iterator[str]:
    failed = [task_id for task_id in ordered(state) if task_status(state.tasks[task_id]) is Status.ENDED]
    own = [i for i in failed if state.tasks[i].standing not in (Outcome.SKIPPED, Outcome.CANCELLED)]
    if own:
        yield "## What did not complete, and why"
    for task_id in own:
        yield ""
        yield from _failure(state, task_id, attempts.get(task_id, []), folder)


def _failure(state: State, task_id: str, attempts: list[Attempt], folder: RunFolder) -> Iterator[str]:
    task = state.tasks[task_id]
    yield f"### {escape(task_id)}: {escape(state.graph.task(task_id).subject)}"
    yield ""
    yield f"{escape((task.standing or '').replace('_', ' ').capitalize())}: {escape(why_ended(task))}"
    last = attempts[-1] if attempts else None
    yield from _troubles(last)
    output = last.output(folder.log(attempt_key(task_id, last.number)), _TAIL) if last else []
    if output:
        yield ""
        yield from _block(output)
    yield ""
    yield from _block(list(_failure_commands(state, task_id, last, folder)), "sh")


def _troubles(last: Attempt | None) -> Iterator[str]:
    """What the agent itself told of the last attempt."""
    if last is None or (last.report.problem is None and not last.report.denied):
        return
    yield ""
    if last.report.problem is not None:
        yield f"- its agent: {escape(problem_text(last.report.problem))}"
    if last.report.denied:
        yield f"- was not permitted: {escape(', '.join(last.report.denied))}"


def _failure_commands(state: State, task_id: str, last: Attempt | None, folder: RunFolder) -> Iterator[str]:
    run = state.run_id
    yield safe(commands.why(task_id, run))
    if last is not None:
        yield safe(commands.logs(task_id, run)) + f"  # {folder.log(attempt_key(task_id, last.number))}"
    if last is not None and last.work:
        yield safe(commands.diff(last.base, last.work))
    yield safe(commands.retry(task_id, run))


def _block(lines: list[str], language: str = "") -> Iterator[str]:
    """A code block whose fence is longer than any in its lines."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield from lines
    yield fence


def _merging(attempts: Attempts) -> Iterator[str]:
    waits = [one.waited_to_merge for own in attempts.values() for one in own if one.waited_to_merge is not None]
    if not waits:
        return
    yield "## Merging"
    yield ""
    yield (
        f"{count(len(waits), 'accepted attempt')} waited {duration(median(waits))} in the median and "
        f"{duration(max(waits))} at most to be merged, checks on the merged result included."
    )


def _further(state: State, folder: RunFolder) -> Iterator[str]:
    run = state.run_id
    yield "## Next"
    yield ""
    yield from _land(state)
    look = [commands.on_run("status", run), commands.on_run("tree", run)]
    if whole_budget(state).text:
        look.append(commands.on_run("cost", run))
    if state.head != state.base:
        look.append(commands.history(state.base, run))
    if state.open:
        look += [f"# first: {safe(fix)}" for _, fix in mending(state)]
        look.append(going_on(state) + "  # go on with the open tasks")
    look.append(commands.on_run("clean", run) + "  # remove the worktrees that nobody needs")
    yield from _block(look, "sh")
    yield ""
    yield f"The run's files are in `{safe(str(folder.path))}`."


def _land(state: State) -> Iterator[str]:
    branch = escape(state.config.branch) or "the checkout"
    if state.head == state.base:
        return
    if state.landed == state.head:
        yield f"Landed on {branch} at `{short(state.head)}`."
        yield ""
        return
    because = f" ({escape(state.landing_refused)})" if state.landing_refused else ""
    yield f"Not landed on {branch} yet{because}. To land:"
    yield ""
    yield from _block([safe(state.landing_hint or commands.land(state.run_id))], "sh")
    yield ""
