"""Performs Spawn, Await and Kill: workers from their assignment to their end."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import field, replace
from pathlib import Path
from typing import Final

from swarmskill.agents.base import NO_OPTIONS, Assignment, ScreenAgent
from swarmskill.agents.environment import assignment_variables, reach_swarm, secret_values, worker_environment
from swarmskill.agents.registry import find_agent
from swarmskill.backends.base import CannotStart, Job, JobEnd, JobLost, Started
from swarmskill.backends.masking import mask
from swarmskill.codec import dump_json, load_json
from swarmskill.config import MemoryGuard, MemoryLimit, RunConfig
from swarmskill.core import events as ev
from swarmskill.core.effects import Await, Kill, Spawn
from swarmskill.core.state import State
from swarmskill.lineage import collect_addresses
from swarmskill.mayor.accounts import model_for
from swarmskill.mayor.capacity import NO_LEASE, Lease
from swarmskill.mayor.cascade import broken_off
from swarmskill.mayor.context import RunContext
from swarmskill.mayor.last_word import last_word
from swarmskill.mayor.memory import hint_text, over_text
from swarmskill.mayor.telling import Teller
from swarmskill.model import Ending, Feedback, Task, WorkerEnd, WorkerResult
from swarmskill.places import RESULT_FILE, attempt_key
from swarmskill.prompt import Again, BlockerSummary, render_prompt
from swarmskill.records import dataclass
from swarmskill.repo.changes import diffstat, patch
from swarmskill.repo.setup import SetupFailed
from swarmskill.repo.worktree import Acquired
from swarmskill.validation.result_file import read_result
from swarmskill.writing import replace_file

_MAIL_VERBS: Final = ("send", "inbox", "read", "ack", "reply", "threads", "wait", "reserve", "release")
MAIL_COMMANDS: Final = (*(("swarm", "mail", verb) for verb in _MAIL_VERBS), ("swarm", "kv"))
"""What a worker with a mailbox types. Not `export`, which writes wherever it is told to."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Starts workers and harvests them."""

    run: RunContext
    teller: Teller
    _diffstats: dict[str, str] = field(default_factory=dict)
    """By commit: many tasks may wait for the same one."""

    def spawn(self, effect: Spawn, state: State, lease: Lease = NO_LEASE) -> ev.Event:
        """Start the worker of an attempt, or find the one that an earlier mayor started. The lease is given back."""
        with closing(lease):
            return self._spawn(effect, state, lease.paths)

    def has(self, effect: Spawn) -> bool:
        """Whether an earlier mayor started the worker."""
        return self.run.workers.find(attempt_key(effect.task, effect.attempt)) is not None

    def _spawn(self, effect: Spawn, state: State, slots: tuple[str, ...]) -> ev.Event:
        task, key = state.graph.task(effect.task), attempt_key(effect.task, effect.attempt)
        config = self.run.config
        options = config.agents.get(effect.agent, NO_OPTIONS)
        problem = find_agent(effect.agent).missing(task, config.agent_cmd, options)
        if problem and self.run.handed is None:
            return _failed(effect, problem, permanent=True)
        earlier = self.run.workers.find(key)
        if earlier is not None:
            return _started(effect, earlier, *self._read_assignment(key), self._limit_of(key))
        if refusal := self.teller.refusal_of_claim(task):
            return _failed(effect, refusal, permanent=True)
        try:
            acquired, base = self._place(effect, key)
            prompt = self._prompt(effect, task, acquired.path, state)
            limit = self.run.memory.limit(task.max_memory or state.config.max_memory)
            job = self.run.memory.hold(self._job(effect, state, acquired.path, prompt), limit)
            job = replace(job, slots=slots)
            self._note_assignment(key, acquired.path, base, limit)
            self.run.guard.begin(key)
            if self.run.courier is not None:
                self.run.courier.begin(key, task, acquired.path)
            started = self.run.workers.start(job)
        except (CannotStart, SetupFailed) as error:
            if self.run.courier is not None:
                self.run.courier.end(key)
            return _failed(effect, str(error))
        return _started(effect, started, acquired, base, limit)

    def watch(self, effect: Await, state: State, harvest: Callable[[Callable[[], ev.Event]], None]) -> None:
        """Once the worker has ended, hand `harvest` a function that makes its last event."""
        key, task = attempt_key(effect.task, effect.attempt), state.tasks[effect.task]
        self.run.guard.begin(key)
        if self.run.courier is not None:
            with suppress(CannotStart):  # its mailbox is gone, or its worktree: it works on without mail
                self.run.courier.begin(key, state.graph.task(effect.task), Path(effect.worktree))
        model = model_for(state, effect.task)
        self.run.accounts.begin(effect.task, effect.attempt, task.agent, task.session_used, model)
        end = self.run.workers.end(key, Started(effect.pid, effect.identity))
        end.add_done_callback(lambda done: harvest(lambda: self._harvest(effect, key, done)))

    def kill(self, effect: Kill) -> None:
        """End a worker; its Await is answered when it is gone."""
        key = attempt_key(effect.task, effect.attempt)
        if self.run.courier is not None and not effect.force:
            self.run.courier.terminate(key)
        self.run.workers.kill(key, force=effect.force)

    def _job(self, effect: Spawn, state: State, worktree: Path, prompt: Path) -> Job:
        key, task = attempt_key(effect.task, effect.attempt), state.graph.task(effect.task)
        config, limits = self.run.config, state.config
        options = config.agents.get(effect.agent, NO_OPTIONS)
        assignment = Assignment(
            run_id=self.run.folder.run_id,
            task=task,
            attempt=effect.attempt,
            worktree=worktree,
            prompt_file=prompt,
            result_file=worktree / RESULT_FILE,
            agent_cmd=config.agent_cmd,
            model=model_for(state, effect.task),
            options=options,
            session=effect.session,
            allowed=tuple(allowed_commands(task, config, mail=self.run.courier is not None)),
            yolo=config.yolo,
            max_cost=effect.max_cost,
            private=self.run.folder.private(key),
        )
        agent = find_agent(effect.agent)
        screen = agent if config.interactive and isinstance(agent, ScreenAgent) else None
        invocation = screen.on_screen(assignment) if screen else agent.invocation(assignment)
        extra = {**assignment_variables(assignment, self.run.repository.top), **invocation.env}
        variables = reach_swarm(worker_environment(self.run.environment, allow=config.env, extra=extra))
        return Job(
            name=key,
            argv=invocation.argv,
            cwd=worktree,
            env=variables,
            log=self.run.folder.log(key),
            stdin=invocation.stdin,
            timeout=task.timeout or limits.timeout,
            idle=limits.idle_timeout,
            grace=config.grace,
            masked=secret_values(variables, config.secrets),
            label=task.id if effect.attempt == 1 else f"{task.id} try {effect.attempt}",
            agent=effect.agent,
            screen=screen is not None,
        )

    def _place(self, effect: Spawn, key: str) -> tuple[Acquired, str]:
        """The worktree to work in, and the commit that it started from. Raises SetupFailed."""
        if not effect.worktree:
            base = self.run.branch.tip()
            return self.run.worktrees.acquire(key, base), base
        if not Path(effect.worktree).is_dir():
            raise SetupFailed(f"the worktree to go on in is gone: {effect.worktree}")
        return Acquired(Path(effect.worktree)), effect.base

    def _prompt(self, effect: Spawn, task: Task, worktree: Path, state: State) -> Path:
        """Write what the worker is told; the result's folder is made, for it writes there first."""
        key = attempt_key(effect.task, effect.attempt)
        (worktree / RESULT_FILE).parent.mkdir(parents=True, exist_ok=True)
        (worktree / RESULT_FILE).unlink(missing_ok=True)  # an earlier attempt's, in a worktree to go on in
        text = render_prompt(
            task,
            run_id=self.run.folder.run_id,
            attempt=effect.attempt,
            worktree=worktree,
            result_file=worktree / RESULT_FILE,
            repo=self.run.repository.top,
            blockers=list(self._blockers(task, state)),
            feedback=effect.feedback,
            previous_diff="" if effect.worktree else self._previous_diff(key, effect.feedback),
            again=self._again(effect),
            mail=self.run.courier is not None,
        )
        path = self.run.folder.prompt(key)
        replace_file(path, text.encode("utf-8", "replace"))
        return path

    def _again(self, effect: Spawn) -> Again:
        gone = self.run.handed is not None and not self.run.handed.reaches(effect.session)
        if effect.session and not gone:
            return Again.SESSION
        return Again.WORKTREE if effect.worktree else Again.NOT

    def _blockers(self, task: Task, state: State) -> Iterator[BlockerSummary]:
        for rank in state.graph.blockers[state.graph.rank[task.id]]:
            blocker = state.graph.tasks[rank]
            done = state.tasks[blocker.id]
            said = done.end.result.detail if done.end and done.end.result else ""
            changed = self._diffstat(done.commit) if done.commit else ""
            yield BlockerSummary(blocker.id, blocker.subject, said, changed)

    def _diffstat(self, commit: str) -> str:
        if commit not in self._diffstats:
            self._diffstats[commit] = diffstat(self.run.repository, f"{commit}^", commit)
        return self._diffstats[commit]

    def _previous_diff(self, key: str, feedback: Feedback | None) -> str:
        if feedback is None or not feedback.diff:
            return ""
        path = self.run.folder.prompt(key).with_suffix(".previous.diff")
        replace_file(path, patch(self.run.repository, f"{feedback.diff}^", feedback.diff))
        return str(path)

    def _note_assignment(self, key: str, worktree: Path, base: str, limit: MemoryLimit | None) -> None:
        """What a later mayor has to know of a worker that was started but not yet recorded."""
        memory = {"memory": {"size": limit.size, "guard": limit.guard}} if limit else {}
        document = dump_json({"worktree": str(worktree), "base": base, **memory})
        replace_file(self.run.folder.assignment(key), document.encode())

    def _read_assignment(self, key: str) -> tuple[Acquired, str]:
        noted = load_json(self.run.folder.assignment(key).read_bytes())
        return Acquired(Path(noted["worktree"])), noted["base"]

    def _limit_of(self, key: str) -> MemoryLimit | None:
        """The memory limit with which the attempt's worker was started."""
        with suppress(OSError, ValueError):
            if noted := load_json(self.run.folder.assignment(key).read_bytes()).get("memory"):
                return MemoryLimit(noted["size"], MemoryGuard(noted["guard"]))
        return None

    def _harvest(self, effect: Await, key: str, done: Future[JobEnd]) -> ev.Event:
        shutil.rmtree(self.run.folder.private(key), ignore_errors=True)  # of an agent that could not do so itself
        try:
            end = done.result()
        except JobLost as error:
            self.run.guard.end(key, self.run.worktrees.root, None)
            self.run.accounts.drop(effect.task, effect.attempt)
            if self.run.courier is not None:
                self.run.courier.end(key)
            return ev.WorkerLost(at=time.time(), task=effect.task, attempt=effect.attempt, reason=str(error))
        collect_addresses(self.run.folder, Path(effect.worktree))
        ending = end.ending
        if ending is Ending.EXITED and broken_off(self.run.folder, effect.task, effect.attempt):
            ending = Ending.KILLED  # the stop of the run reached it through the run that it had started
        claimed = Path(effect.worktree) / RESULT_FILE
        result, problem = read_result(claimed, effect.task)
        if result is not None:
            result = self._keep_result(claimed, key, result)
        elif self.run.handed is not None and ending is Ending.EXITED:
            problem = problem or "the worker ended without writing its result file"
        touched, kept = self.run.guard.end(key, self.run.worktrees.root, result)
        report = self.run.accounts.end(effect.task, effect.attempt, ending, end.exit_code)
        if self.run.handed is not None:
            report = replace(report, session=self.run.handed.session(key))
        if self.run.courier is not None:
            word = self.run.courier.end(key)
            if result is None and not problem:
                result, trouble = last_word(word, self.run.secrets)
                report = replace(report, problem=report.problem or trouble)
        worker_end = WorkerEnd(
            ending=ending,
            exit_code=end.exit_code,
            started_at=end.started_at,
            ended_at=end.ended_at,
            result=result,
            result_problem=problem,
            touched=touched,
            kept=kept,
            report=report,
        )
        limit = self._limit_of(key)
        return ev.WorkerExited(
            at=time.time(),
            task=effect.task,
            attempt=effect.attempt,
            end=worker_end,
            over_memory=over_text(limit, end),
            hint=hint_text(limit, end, self.run.folder.log(key)),
        )

    def _keep_result(self, claimed: Path, key: str, result: WorkerResult) -> WorkerResult:
        """Copy the result file into the run, and take the secrets out of both."""
        secrets, copy = self.run.secrets, self.run.folder.result(key)
        with suppress(OSError):
            text = claimed.read_text(encoding="utf-8", errors="replace")
            replace_file(copy, mask(text, secrets).encode("utf-8", "replace"))
        return replace(result, detail=mask(result.detail, secrets), test_tail=mask(result.test_tail, secrets))


def allowed_commands(task: Task, config: RunConfig, *, mail: bool = False) -> Iterator[tuple[str, ...]]:
    """Commands that an agent may run without asking: those of the task's checks, and those the user allows.

    With `mail` those too by which it writes and reads mail: its prompt tells it to.
    """
    if mail:
        yield from MAIL_COMMANDS
    for command in (*(check.command for check in task.checks if not check.shell), *config.allow):
        with suppress(ValueError):
            if words := tuple(shlex.split(command)):
                yield words


def _started(
    effect: Spawn, started: Started, acquired: Acquired, base: str, memory: MemoryLimit | None
) -> ev.WorkerStarted:
    return ev.WorkerStarted(
        at=time.time(),
        task=effect.task,
        attempt=effect.attempt,
        pid=started.pid,
        identity=started.identity,
        worktree=str(acquired.path),
        base=base,
        warnings=acquired.warnings,
        memory=memory,
    )


def _failed(effect: Spawn, reason: str, *, permanent: bool = False) -> ev.SpawnFailed:
    return ev.SpawnFailed(at=time.time(), task=effect.task, attempt=effect.attempt, reason=reason, permanent=permanent)
