"""Asks an agent once, without tools, in a conversation of its own: for a summary, or for advice."""

from __future__ import annotations

from pathlib import Path

from swarmskill.agents.account import Account
from swarmskill.agents.base import NO_OPTIONS, Assignment, Invocation
from swarmskill.agents.environment import secret_values, worker_environment
from swarmskill.agents.registry import find_agent
from swarmskill.backends.base import CannotStart, Job, JobLost
from swarmskill.mayor.accounts import LogTail
from swarmskill.mayor.context import RunContext
from swarmskill.model import NO_REPORT, AgentReport, Task
from swarmskill.records import dataclass
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
    assignment = _assignment(run, name, agent_name, subject)
    replace_file(assignment.prompt_file, prompt.encode("utf-8", "replace"))
    if problem := agent.missing(assignment.task, config.agent_cmd, assignment.options):
        return Answer(problem=f"{agent_name} cannot be asked: {problem}")
    job = _job(run, name, agent.invocation(assignment), limit)
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


def _assignment(run: RunContext, name: str, agent_name: str, subject: str) -> Assignment:
    config = run.config
    options = config.agents.get(agent_name, NO_OPTIONS)
    return Assignment(
        run_id=run.folder.run_id,
        task=Task(id=name, subject=subject),
        attempt=1,
        worktree=run.repository.top,
        prompt_file=run.folder.prompt(name),
        result_file=run.folder.result(name),
        agent_cmd=config.agent_cmd,
        model=options.model or config.model,
        options=options,
        tools=False,
    )


def _job(run: RunContext, name: str, invocation: Invocation, limit: float) -> Job:
    variables = worker_environment(run.environment, allow=run.config.env, extra=dict(invocation.env))
    return Job(
        name=f"@{name}",
        argv=invocation.argv,
        cwd=run.repository.top,
        env=variables,
        log=run.folder.log(name),
        stdin=invocation.stdin,
        timeout=limit,
        idle=limit,
        survives=False,
        masked=secret_values(variables, run.config.secrets),
    )
