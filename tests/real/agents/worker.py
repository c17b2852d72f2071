"""One real worker as the mayor would have it: called by its adapter, both outputs in one log, read into a report."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmskill.agents.account import Account
from swarmskill.agents.base import Agent, AgentEvent, Assignment
from swarmskill.agents.environment import worker_environment
from swarmskill.model import NOTHING_USED, AgentReport, Ending, Task, Usage


@dataclass(frozen=True, slots=True)
class Worked:
    """How one worker ended. `events` are all that its adapter's reader told."""

    code: int
    report: AgentReport
    log: str
    events: tuple[AgentEvent, ...]
    wall: float


class _Kept:
    """A reader that keeps what it told."""

    def __init__(self, reader: Any) -> None:
        self.reader, self.events = reader, list[AgentEvent]()

    def read(self, line: str) -> list[AgentEvent]:
        told = list(self.reader.read(line))
        self.events += told
        return told

    def close(self, exit_code: int) -> list[AgentEvent]:
        told = list(self.reader.close(exit_code))
        self.events += told
        return told


def assign(worktree: Path, prompt: str, **more: Any) -> Assignment:
    """An assignment in a worktree with this prompt."""
    prompt_file = worktree.parent / f"prompt-{time.monotonic_ns()}.md"
    prompt_file.write_text(prompt, encoding="utf-8")
    result_file = worktree / ".swarm" / "result.json"
    task = Task(id="1", subject="s")
    return Assignment(
        run_id="r", task=task, attempt=1, worktree=worktree, prompt_file=prompt_file, result_file=result_file, **more
    )


def work(
    agent: Agent,
    assignment: Assignment,
    environment: Mapping[str, str],
    *,
    earlier: Usage = NOTHING_USED,
    timeout: float = 60,
    ending: Ending = Ending.EXITED,
    during: Callable[[subprocess.Popen[bytes]], object] | None = None,
) -> Worked:
    """Let the agent work. `during` is called while it does, with its process."""
    call = agent.invocation(assignment)
    whole = worker_environment(environment, allow=None, extra=call.env)
    argv = [shutil.which(call.argv[0], path=whole["PATH"]) or call.argv[0], *call.argv[1:]]
    log = assignment.prompt_file.with_suffix(".log")
    began = time.monotonic()
    stdin = open(call.stdin or os.devnull, "rb")
    with stdin, open(log, "wb") as output:
        process = subprocess.Popen(
            argv, stdin=stdin, stdout=output, stderr=output, cwd=assignment.worktree, env=whole, start_new_session=True
        )
    try:
        if during:
            during(process)
        code = process.wait(timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    code = 128 - code if code < 0 else code
    text = log.read_text(encoding="utf-8", errors="replace")
    reader = _Kept(agent.reader(earlier))
    account = Account(reader, {})
    account.read(text.split("\n"))
    report = account.close(ending, code)
    return Worked(code, report, text, tuple(reader.events), time.monotonic() - began)
