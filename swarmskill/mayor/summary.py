"""Performs Summarise: asks the agent once, without tools, what was done and what is open."""

from __future__ import annotations

import time
from pathlib import Path

from swarmskill.agents.account import Account
from swarmskill.agents.base import NO_OPTIONS, Assignment
from swarmskill.agents.environment import secret_values, worker_environment
from swarmskill.agents.registry import find_agent
from swarmskill.backends.base import CannotStart, Job, JobLost
from swarmskill.core.effects import Summarise
from swarmskill.core.events import Summarised
from swarmskill.core.state import State
from swarmskill.mayor.accounts import LogTail
from swarmskill.mayor.context import RunContext
from swarmskill.model import Task
from swarmskill.prompt import render_summary_request
from swarmskill.views.report import report_markdown
from swarmskill.writing import replace_file

_LIMIT = 180.0
"""Seconds for the agent's last words."""


def summarise(run: RunContext, effect: Summarise, state: State) -> Summarised:
    """Ask, and take what the agent says; why it says nothing is an answer, too."""
    return Summarised(at=time.time(), session=effect.session, text=_ask(run, effect, state))


def _ask(run: RunContext, effect: Summarise, state: State) -> str:
    agent, config, name = find_agent(effect.agent), run.config, f"summary-{effect.session}"
    task = Task(id=name, subject="Summarise the run")
    prompt = run.folder.prompt(name)
    report = report_markdown(state, (), run.folder, time.time())
    replace_file(prompt, render_summary_request(report).encode("utf-8", "replace"))
    options = config.agents.get(effect.agent, NO_OPTIONS)
    assignment = Assignment(
        run_id=run.folder.run_id,
        task=task,
        attempt=1,
        worktree=run.repository.top,
        prompt_file=prompt,
        result_file=run.folder.result(name),
        model=options.model or config.model,
        options=options,
        tools=False,
    )
    if problem := agent.missing(task, config.agent_cmd, options):
        return f"({effect.agent} cannot be asked: {problem})"
    invocation = agent.invocation(assignment)
    variables = worker_environment(run.environment, allow=config.env, extra=dict(invocation.env))
    job = Job(
        name=f"@{name}",
        argv=invocation.argv,
        cwd=run.repository.top,
        env=variables,
        log=run.folder.log(name),
        stdin=invocation.stdin,
        timeout=_LIMIT,
        idle=_LIMIT,
        survives=False,
        masked=secret_values(variables, config.secrets),
    )
    try:
        end = run.backend.end(job.name, run.backend.start(job)).result()
    except (CannotStart, JobLost) as error:
        return f"({effect.agent} could not be asked: {error})"
    account = Account(agent.reader(), config.prices)
    account.read(LogTail(Path(job.log)).read(rest=True))
    told = account.close(end.ending, end.exit_code)
    if told.said:
        return told.said
    return f"({effect.agent} said nothing: {told.problem.detail if told.problem else f'exit code {end.exit_code}'})"
