"""Asks an agent once, without tools, in a conversation of its own: for a summary, or for advice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from swarmskill.agents.account import Account
from swarmskill.agents.base import NO_OPTIONS, Assignment
from swarmskill.agents.environment import secret_values, worker_environment
from swarmskill.agents.registry import find_agent
from swarmskill.backends.base import CannotStart, Job, JobLost
from swarmskill.mayor.accounts import LogTail
from swarmskill.mayor.context import RunContext
from swarmskill.model import NO_REPORT, AgentReport, Task
from swarmskill.writing import replace_file


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent said, and what that used; if it said nothing, `problem` tells why."""

    text: str = ""
    problem: str = ""
    report: AgentReport = NO_REPORT


def ask_agent(run: RunContext, name: str, agent_name: str, subject: str, prompt: str, *, limit: float) -> Answer:
    """Ask, and wait for the answer, for `limit` seconds at most. `name` is that of the call's prompt and log."""
    agent, config = find_agent(agent_name), run.config
    task = Task(id=name, subject=subject)
    prompt_file = run.folder.prompt(name)
    replace_file(prompt_file, prompt.encode("utf-8", "replace"))
    options = config.agents.get(agent_name, NO_OPTIONS)
    assignment = Assignment(
        run_id=run.folder.run_id,
        task=task,
        attempt=1,
        worktree=run.repository.top,
        prompt_file=prompt_file,
        result_file=run.folder.result(name),
        agent_cmd=config.agent_cmd,
        model=options.model or config.model,
        options=options,
        tools=False,
    )
    if problem := agent.missing(task, config.agent_cmd, options):
        return Answer(problem=f"{agent_name} cannot be asked: {problem}")
    invocation = agent.invocation(assignment)
    variables = worker_environment(run.environment, allow=config.env, extra=dict(invocation.env))
    job = Job(
        name=f"@{name}",
        argv=invocation.argv,
        cwd=run.repository.top,
        env=variables,
        log=run.folder.log(name),
        stdin=invocation.stdin,
        timeout=limit,
        idle=limit,
        survives=False,
        masked=secret_values(variables, config.secrets),
    )
    try:
        end = run.backend.end(job.name, run.backend.start(job)).result()
    except (CannotStart, JobLost) as error:
        return Answer(problem=f"{agent_name} could not be asked: {error}")
    account = Account(agent.reader(), config.prices)
    account.read(LogTail(Path(job.log)).read(rest=True))
    told = account.close(end.ending, end.exit_code)
    if told.said:
        return Answer(told.said, report=told)
    why = told.problem.detail if told.problem else f"exit code {end.exit_code}"
    return Answer(problem=f"{agent_name} said nothing: {why}", report=told)
