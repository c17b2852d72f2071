"""The language of the stories: events in, effects and changes out.

A story is a text file of blocks that are separated by an empty line. A block has commands, a line of
dashes, and what came of them. `#` begins a comment. A task is named by its id, `ID@2` means its second
attempt (without it: the current one). The commands are

    start KEY=VALUE…                        with lines `task ID [after A,B] [done] [KEY=VALUE…]` below
    started T      spawn-failed T [permanent] WHY      queued T WHY      withdrawn T
    told T [session=S] [tokens=N] [cost=N]              (WorkerReported)
    quiet T SINCE   stirred T SINCE          (WorkerStalled, WorkerStirred)
    exited T [code=N]   timed-out T   stalled T   killed T   blocked T WHY   lost T WHY
      and with each end but `lost`: [claim=done] [session=S] [tokens=N] [cost=N] [problem=KIND] [wait=SECONDS]
      [over=LIMIT] [hint=WORD]
    validated T    invalid T KIND [DETAIL]
    integrated T   conflicted T PATHS   unmerged T KIND   backed-off T
    tracked T REPLY [DETAIL]
    landed   landing-refused WHY   reported
    rested AGENT [strikes=N]   summarised [session=N] [tokens=N] TEXT   advised T [tokens=N] TEXT
    limits [max_cost=N] [max_tokens=N]
    stop [now|force] [session=N]   kill-left-over [session=N]   resume [session=N]   retry T
    complete T     all that is left until T is completed
    again          the last event once more
    later SECONDS  time goes by
    mayor dies     fold all events anew, and show what is not answered
    show [T…]      outcome, attempts and reasons
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.state import Gate, State
from swarmskill.config import Land, OnExhaust, RunConfig, Schedule, Share
from swarmskill.answers import Answer, Reply
from swarmskill.model import (
    AgentReport,
    CheckKind,
    CheckResult,
    Claim,
    Ending,
    OnFailure,
    Phase,
    Problem,
    Task,
    Trouble,
    Usage,
    Verdict,
    WorkerEnd,
    WorkerResult,
)
from tests.bookkeeper import Bookkeeper

DASHES = "----"


def rewrite_story(text: str) -> str:
    """The story with the output that the core gives now. Raises ValueError for a bad command."""
    teller = _Teller()
    return "\n\n".join(_tell_block(teller, block) for block in text.strip("\n").split("\n\n")) + "\n"


def steps_of(text: str) -> list[tuple[State, ev.Event, State]]:
    """Every event of a story with the states before and after it."""
    teller = _Teller()
    for block in text.strip("\n").split("\n\n"):
        _tell_block(teller, block)
    return teller.steps


def _tell_block(teller: _Teller, block: str) -> str:
    commands = block.split(f"\n{DASHES}")[0].splitlines()
    if all(line.startswith("#") for line in commands):
        return block
    output: list[str] = []
    for lines in _commands(commands):
        output += teller.tell(lines)
    return "\n".join([*commands, DASHES, *output])


def _commands(lines: list[str]) -> Iterator[list[str]]:
    """Commands with the indented lines that belong to them."""
    command: list[str] = []
    for line in lines:
        if line.startswith("#"):
            continue
        if not line.startswith(" ") and command:
            yield command
            command = []
        command.append(line)
    if command:
        yield command


class _Teller:
    def __init__(self) -> None:
        self.book = Bookkeeper()
        self.clock = 0.0
        self.steps: list[tuple[State, ev.Event, State]] = []

    def tell(self, lines: list[str]) -> list[str]:
        """What one command leads to, as lines."""
        word, *words = shlex.split(lines[0])
        if word == "start":
            return self.feed(self._start(words, [shlex.split(line) for line in lines[1:]]))
        if word == "complete":
            return [line for event in self._completion(words[0]) for line in self.feed(event)]
        if word == "mayor":
            self.book.mayor_dies()
            return ["not answered:", *(f"  {_effect(effect)}" for effect in self.book.pending)]
        if word == "show":
            return list(_show(self.book.state, words))
        if word == "later":
            self.clock += float(words[0])
            return [f"{words[0]} s later"]
        if word == "again":
            return self.feed(self.book.events[-1])
        return self.feed(self._event(word, words))

    def feed(self, event: ev.Event) -> list[str]:
        """Feed one event and tell what changed and what is to be done."""
        before = self.book.state
        effects = self.book.feed(event)
        self.steps.append((before, event, self.book.state))
        if self.book.state is before:
            return ["nothing"]
        return [*_changes(before, self.book.state), *(f"  {_effect(effect)}" for effect in effects)] or ["noted"]

    def _at(self) -> float:
        self.clock += 1
        return self.clock

    def _start(self, words: list[str], lines: list[list[str]]) -> ev.RunStarted:
        tasks = tuple(_task(words) for words in lines)
        return ev.RunStarted(at=self._at(), run_id="run", tasks=tasks, config=_config(words), base="base")

    def _event(self, word: str, words: list[str]) -> ev.Event:
        if word in _ABOUT_RUN:
            return _ABOUT_RUN[word](self.book.state, self._at(), words)
        if word not in (*_ABOUT_ATTEMPT, "tracked"):
            raise ValueError(f"no such command: {word}")
        task, _, attempt = words[0].partition("@")
        current = self.book.state.tasks[task].attempt
        if word == "tracked":
            return _tracked(self.book.state, self._at(), task, int(attempt or current), words[1:])
        return _ABOUT_ATTEMPT[word](self._at(), task, int(attempt or current), words[1:])

    def _completion(self, task: str) -> Iterator[ev.Event]:
        while (phase := self.book.state.tasks[task].phase) is not Phase.ENDED:
            if phase not in _NEXT:
                raise ValueError(f"{task} is {phase}, so it cannot complete now")
            yield self._event(_NEXT[phase], [task])


_NEXT = {
    Phase.ASSIGNED: "started",
    Phase.RUNNING: "exited",
    Phase.VALIDATING: "validated",
    Phase.INTEGRATING: "integrated",
}


def _task(words: list[str]) -> Task:
    keyword, task_id, *rest = words
    if keyword != "task":
        raise ValueError(f"not a task: {words}")
    blockers: tuple[str, ...] = ()
    if rest[:1] == ["after"]:
        blockers, rest = tuple(rest[1].split(",")), rest[2:]
    options = _options(rest)
    return Task(
        id=task_id,
        subject=task_id,
        blocked_by=blockers,
        done="done" in rest,
        files=tuple(options["files"].split(",")) if "files" in options else (),
        priority=int(options.get("priority", 2)),
        estimate=float(options["estimate"]) if "estimate" in options else None,
        max_retries=int(options["max_retries"]) if "max_retries" in options else None,
        retry_delay=float(options["retry_delay"]) if "retry_delay" in options else None,
        on_failure=OnFailure(options["on_failure"]) if "on_failure" in options else None,
        agent=options.get("agent", ""),
        run=("true",) if "run" in rest else (),
        **_limits(options),
    )


def _config(words: list[str]) -> RunConfig:
    options = _options(words)
    return RunConfig(
        max_workers=int(options.get("max_workers", 5)),
        schedule=Schedule(options.get("schedule", "rolling")),
        on_failure=OnFailure(options.get("on_failure", "best-effort")),
        land=Land(options.get("land", "never")),
        max_retries=int(options["max_retries"]) if "max_retries" in options else None,
        retry_delay=float(options.get("retry_delay", 0)),
        pool=tuple(_share(text) for text in options.get("pool", "command").split(",")),
        fresh="fresh" in words,
        tracker=options.get("tracker", ""),
        on_exhaust=OnExhaust(options.get("on_exhaust", "stop")),
        **_limits(options),
    )


def _share(text: str) -> Share:
    agent, _, workers = text.partition(":")
    return Share(agent, int(workers) if workers else None)


def _limits(options: dict[str, str]) -> dict[str, Any]:
    cost = float(options["max_cost"]) if "max_cost" in options else None
    return {"max_cost": cost, "max_tokens": int(options["max_tokens"]) if "max_tokens" in options else None}


def _usage(options: dict[str, str]) -> Usage:
    cost = float(options["cost"]) if "cost" in options else None
    return Usage(input_tokens=int(options.get("tokens", 0)), cost_usd=cost)


def _agent_report(options: dict[str, str]) -> AgentReport:
    problem = None
    if "problem" in options:
        wait = float(options["wait"]) if "wait" in options else None
        problem = Problem(Trouble(options["problem"]), f"it says {options['problem']}", wait)
    return AgentReport(session=options.get("session", ""), usage=_usage(options), problem=problem)


def _options(words: list[str]) -> dict[str, str]:
    return {key: value for key, _, value in (word.partition("=") for word in words if "=" in word)}


def _started(at: float, task: str, attempt: int, _: list[str]) -> ev.Event:
    return ev.WorkerStarted(
        at=at,
        task=task,
        attempt=attempt,
        pid=100 + attempt,
        identity=f"{task}@{attempt}",
        worktree=f"/{task}-{attempt}",
        base="base",
    )


def _spawn_failed(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    permanent = words[:1] == ["permanent"]
    reason = " ".join(words[permanent:])
    return ev.SpawnFailed(at=at, task=task, attempt=attempt, reason=reason, permanent=permanent)


def _ended(ending: Ending) -> Callable[[float, str, int, list[str]], ev.Event]:
    def make(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
        options = _options(words)
        code = int(options.get("code", 0 if ending is Ending.EXITED else 143))
        end = WorkerEnd(
            ending=ending,
            exit_code=code,
            started_at=0.0,
            ended_at=60.0,
            result=WorkerResult(status=Claim(options["claim"])) if "claim" in options else None,
            report=_agent_report(options),
        )
        known = {"over_memory": options.get("over", ""), "hint": options.get("hint", "")}
        return ev.WorkerExited(at=at, task=task, attempt=attempt, end=end, **known)

    return make


def _told(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    options = _options(words)
    return ev.WorkerReported(
        at=at, task=task, attempt=attempt, session=options.get("session", ""), usage=_usage(options)
    )


def _blocked(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    result = WorkerResult(status=Claim.BLOCKED, detail=" ".join(words))
    end = WorkerEnd(ending=Ending.EXITED, exit_code=0, started_at=0.0, ended_at=60.0, result=result)
    return ev.WorkerExited(at=at, task=task, attempt=attempt, end=end)


def _lost(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    return ev.WorkerLost(at=at, task=task, attempt=attempt, reason=" ".join(words) or "gone")


def _refusal(words: list[str]) -> Verdict:
    kind = CheckKind(words[0])
    return Verdict(failed=CheckResult(kind, kind, passed=False, detail=" ".join(words[1:])))


def _validated(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    verdict = _refusal(words) if words else Verdict()
    return ev.Validated(at=at, task=task, attempt=attempt, verdict=verdict, commit=f"work-{task}-{attempt}")


def _integrated(at: float, task: str, attempt: int, _: list[str]) -> ev.Event:
    return ev.Integrated(at=at, task=task, attempt=attempt, commit=f"commit-{task}")


def _tracked(state: State, at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    answer = Answer(Reply(words[0]), " ".join(word for word in words[1:] if "=" not in word))
    call = int(_options(words).get("call", state.tasks[task].calls))
    return ev.Tracked(at=at, task=task, attempt=attempt, call=call, answer=answer)


def _conflicted(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    return ev.IntegrationConflicted(at=at, task=task, attempt=attempt, paths=tuple(words))


def _unmerged(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    return ev.IntegrationRejected(at=at, task=task, attempt=attempt, verdict=_refusal(words))


def _queued(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    return ev.SpawnQueued(at=at, task=task, attempt=attempt, reason=" ".join(words))


def _withdrawn(at: float, task: str, attempt: int, _: list[str]) -> ev.Event:
    return ev.SpawnWithdrawn(at=at, task=task, attempt=attempt)


def _quiet(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    return ev.WorkerStalled(at=at, task=task, attempt=attempt, since=float(words[0]))


def _stirred(at: float, task: str, attempt: int, words: list[str]) -> ev.Event:
    return ev.WorkerStirred(at=at, task=task, attempt=attempt, since=float(words[0]))


def _backed_off(at: float, task: str, attempt: int, _: list[str]) -> ev.Event:
    return ev.BackedOff(at=at, task=task, attempt=attempt)


def _retry(at: float, task: str, attempt: int, _: list[str]) -> ev.Event:
    return ev.RetryRequested(at=at, task=task, attempt=attempt)


_ABOUT_ATTEMPT: dict[str, Callable[[float, str, int, list[str]], ev.Event]] = {
    "started": _started,
    "spawn-failed": _spawn_failed,
    "queued": _queued,
    "quiet": _quiet,
    "stirred": _stirred,
    "withdrawn": _withdrawn,
    "exited": _ended(Ending.EXITED),
    "told": _told,
    "timed-out": _ended(Ending.TIMED_OUT),
    "stalled": _ended(Ending.STALLED),
    "killed": _ended(Ending.KILLED),
    "blocked": _blocked,
    "lost": _lost,
    "validated": _validated,
    "invalid": _validated,
    "integrated": _integrated,
    "conflicted": _conflicted,
    "unmerged": _unmerged,
    "retry": _retry,
    "backed-off": _backed_off,
}


def _stop(state: State, at: float, words: list[str]) -> ev.Event:
    session = int(_options(words).get("session", state.session))
    return ev.StopRequested(at=at, session=session, now="now" in words, force="force" in words)


def _kill(state: State, at: float, words: list[str]) -> ev.Event:
    return ev.RunKilled(at=at, session=int(_options(words).get("session", state.session)), reason="killed")


def _resume(state: State, at: float, words: list[str]) -> ev.Event:
    return ev.RunResumed(at=at, session=int(_options(words).get("session", state.session + 1)))


def _reported(state: State, at: float, words: list[str]) -> ev.Event:
    return ev.Reported(at=at, session=int(_options(words).get("session", state.session)), path="/report")


def _rested(state: State, at: float, words: list[str]) -> ev.Event:
    gate = state.gates.get(words[0])
    strikes = int(_options(words).get("strikes", gate.strikes if gate else 1))
    return ev.GateRested(at=at, agent=words[0], strikes=strikes)


def _summarised(state: State, at: float, words: list[str]) -> ev.Event:
    session = int(_options(words).get("session", state.session))
    report = _agent_report(_options(words))
    return ev.Summarised(at=at, session=session, text=" ".join(words), agent="claude", report=report)


def _advised(state: State, at: float, words: list[str]) -> ev.Event:
    report = _agent_report(_options(words))
    text = " ".join(word for word in words[1:] if "=" not in word)
    return ev.Advised(at=at, task=words[0], question="1-1.000001", agent="claude", text=text, report=report)


_ABOUT_RUN: dict[str, Callable[[State, float, list[str]], ev.Event]] = {
    "stop": _stop,
    "kill-left-over": _kill,
    "resume": _resume,
    "reported": _reported,
    "rested": _rested,
    "summarised": _summarised,
    "advised": _advised,
    "limits": lambda state, at, words: ev.LimitsChanged(at=at, **_limits(_options(words))),
    "landed": lambda state, at, words: ev.Landed(at=at, head=words[0] if words else state.head, branch="main"),
    "landing-refused": lambda state, at, words: ev.LandingRefused(at=at, head=state.head, reason=" ".join(words)),
}


def _changes(before: State, after: State) -> Iterator[str]:
    """What is different, in the order of the file's ranks."""
    if before.stop is not after.stop:
        yield f"stop: {before.stop} -> {after.stop}"
    if before.stop_reason != after.stop_reason and after.stop_reason:
        yield f"why: {after.stop_reason}"
    for agent in sorted({*before.gates, *after.gates}):
        one, other = before.gates.get(agent), after.gates.get(agent)
        if one != other:
            yield f"gate of {agent}: {_gate(one)} -> {_gate(other)}"
    if before.session != after.session:
        yield f"session {after.session}"
    if before.wave_number != after.wave_number:
        yield f"wave {after.wave_number}"
    for task in after.graph.tasks:
        was, now = before.tasks.get(task.id), after.tasks[task.id]
        one, other = was and (was.outcome or was.phase), now.outcome or now.phase
        if one != other or (was and was.attempt != now.attempt):
            yield f"{task.id}: {one} -> {other}" if one else f"{task.id}: {other}"
        if was and now.answer is not None and was.answer is not now.answer:
            yield f"{task.id}: counts as {now.standing or now.phase}, as the tracker says {now.answer.reply}"
    if before.stage is not after.stage:
        yield f"run: {before.stage} -> {after.stage}"


def _gate(gate: Gate | None) -> str:
    if gate is None:
        return "open"
    strikes = f" after {gate.strikes}" if gate.strikes else ""
    return f"{gate.door}{strikes}" + (f" by {gate.probe}" if gate.probe else "")


def _effect(effect: ef.Effect) -> str:
    name = type(effect).__name__.lower()
    if isinstance(effect, ef.AttemptEffect):
        return f"{name} {effect.task}@{effect.attempt}{_more(effect)}"
    if isinstance(effect, ef.Land):
        return f"{name} {effect.head}"
    if isinstance(effect, ef.Rest):
        return f"{name} {effect.agent} until {effect.until:.1f}"
    if isinstance(effect, ef.Summarise):
        return f"{name} session={effect.session} by {effect.agent}"
    return f"{name} session={effect.session}" if isinstance(effect, ef.Report) else name


def _more(effect: ef.AttemptEffect) -> str:
    if isinstance(effect, ef.Spawn):
        return "".join(_how(effect))
    if isinstance(effect, ef.BackOff):
        return f" until {effect.until:.1f}"
    if isinstance(effect, ef.Track):
        return f" call={effect.call} {effect.outcome}" + (f" {effect.commit}" if effect.commit else "")
    if isinstance(effect, ef.Kill) and effect.force:
        return " force"
    return f" {effect.commit}" if isinstance(effect, ef.Integrate) else ""


def _how(effect: ef.Spawn) -> Iterator[str]:
    """How the worker begins, where that is not as usual."""
    if effect.agent != "command":
        yield f" by {effect.agent}"
    if effect.worktree:
        yield f" in {effect.worktree}"
    if effect.session:
        yield f" session {effect.session}"
    if effect.max_cost is not None:
        yield f" for ${effect.max_cost:.2f}"
    if effect.feedback is not None:
        yield f" after {effect.feedback.kind}: {effect.feedback.detail}"
        yield f" diff={effect.feedback.diff}" if effect.feedback.diff else ""


def _show(state: State, ids: list[str]) -> Iterator[str]:
    for task in state.graph.tasks:
        if ids and task.id not in ids:
            continue
        now = state.tasks[task.id]
        retries = "".join(f", {kind} x{count}" for kind, count in now.retries)
        detail = f": {now.detail}" if now.detail else ""
        used = f", {now.usage.tokens} tokens" if now.usage.tokens else ""
        used += f", ${now.usage.cost_usd:.2f}" if now.usage.cost_usd is not None else ""
        used += f", no progress since {now.stalled_since:.0f}" if now.stalled_since else ""
        used += f", {now.session_used.tokens} in its conversation" if now.session_used.tokens else ""
        yield f"{task.id} {now.outcome or now.phase}, wave {now.wave}, attempt {now.attempt}{retries}{used}{detail}"
