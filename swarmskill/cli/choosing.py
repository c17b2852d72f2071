"""Which agents a run gets, settled before anything is started."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from swarmskill.agents.pool import AUTO
from swarmskill.config import RunConfig, Share
from swarmskill.errors import InputError, Refused, UsageError
from swarmskill.model import Task, TaskList


def settle_agents(listed: TaskList, config: RunConfig) -> RunConfig:
    """The configuration with a pool of agents that exist and can be started.

    What `--agent auto` stands for is said on standard error. Raises InputError for a name in the list that
    no agent has, and Refused if an agent cannot work.
    """
    _refuse_unknown(listed)
    config = _settle_auto(listed, config)
    _refuse_unable(listed, config)
    return config


def _refuse_unknown(listed: TaskList) -> None:
    from swarmskill.agents.registry import check_agent_name

    for task in listed.tasks:
        if not task.agent:
            continue
        place = f"task {task.id}"
        if task.agent == AUTO:
            hint = f"leave the agent out, and use: swarm run --agent {AUTO}"
            raise InputError(f"{AUTO} is chosen for the whole run", source=listed.source, place=place, hint=hint)
        try:
            check_agent_name(task.agent)
        except UsageError as error:
            raise InputError(error.message, source=listed.source, place=place, hint=error.hint) from error


def _settle_auto(listed: TaskList, config: RunConfig) -> RunConfig:
    share = config.pool[0]
    if share.agent != AUTO:
        return config
    name = _choose(config) if any(_may_be_anyones(task) for task in listed.tasks) else "command"
    return replace(config, pool=(Share(name, share.workers),))


def _may_be_anyones(task: Task) -> bool:
    from swarmskill.core.graph import fixed_agent

    return not task.done and not fixed_agent(task)


def _choose(config: RunConfig) -> str:
    """The agent's name, after saying so. Raises Refused if there is none."""
    from swarmskill.agents.detection import Surroundings, first_able

    here = Surroundings(environment=os.environ, home=Path.home(), options=config.agents, agent_cmd=config.agent_cmd)
    chosen, unable = first_able(here)
    others = "; ".join(f"{seen.name}: {seen.refusal}" for seen in unable)
    if chosen is None:
        there = next((seen for seen in unable if seen.path), None)
        fix = there.problem or there.login.how if there else unable[0].install
        raise Refused(f"--agent {AUTO} finds no agent that can work here ({others})", hint=f"{fix}; see: swarm doctor")
    using = f"{chosen.name} {chosen.version}".rstrip()
    print(f"Using: {using} ({others})" if others else f"Using: {using}", file=sys.stderr)
    return chosen.name


def _refuse_unable(listed: TaskList, config: RunConfig) -> None:
    """Raise before anything is started if a task's agent cannot work on it."""
    from swarmskill.agents.base import NO_OPTIONS, ScreenAgent
    from swarmskill.agents.registry import check_agent_name, find_agent
    from swarmskill.core.moves import candidates

    if config.help_agent:
        check_agent_name(config.help_agent)
        helper = find_agent(config.help_agent)
        asked = Task(id="help", subject="Answer a worker")
        if problem := helper.missing(asked, config.agent_cmd, config.agents.get(config.help_agent, NO_OPTIONS)):
            raise Refused(f"--help-agent: {problem}", hint="see: swarm doctor; or leave it out")
    for task in listed.tasks:
        if task.done:
            continue
        for name in candidates(task, config.pool):
            agent = find_agent(name)
            if config.interactive and not task.run and not isinstance(agent, ScreenAgent):
                problem = f"task {task.id}: agent {name} cannot work on a screen of its own"
                raise Refused(problem, hint="use an agent that can (claude), or leave --interactive out")
            problem = agent.missing(task, config.agent_cmd, config.agents.get(name, NO_OPTIONS))
            if problem:
                hint = f"mend that, then look again: swarm run {shlex.quote(listed.source)} --dry-run"
                raise Refused(f"task {task.id}: {problem}", hint=hint)
