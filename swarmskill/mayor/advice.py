"""Has an agent answer what a worker asks by mail, where no person is there to do it."""

from __future__ import annotations

import time

from swarmskill.core.events import Advised
from swarmskill.mail.kinds import HelpRequest
from swarmskill.mail.message import Message
from swarmskill.mayor.asking import ask_agent
from swarmskill.mayor.context import RunContext
from swarmskill.model import Task
from swarmskill.places import safe_key
from swarmskill.prompt import render_help_request

_LIMIT = 110.0
"""Seconds for the answer: after 120 the worker goes on by its best judgement."""


def advise(run: RunContext, message: Message, task: Task) -> Advised:
    """Ask the run's helper. What it says is given to the worker once the ledger has it."""
    agent, name = run.config.help_agent, f"help-{safe_key(message.id)}"
    prompt = render_help_request(task, _question(message))
    answer = ask_agent(run, name, agent, f"Answer {message.sender}", prompt, limit=_LIMIT)
    return Advised(
        at=time.time(),
        task=task.id,
        question=message.id,
        agent=agent,
        text=answer.text,
        problem=answer.problem,
        report=answer.report,
    )


def _question(message: Message) -> str:
    body = message.body
    if not isinstance(body, HelpRequest):
        return message.title
    parts = {
        "": body.question or message.title,
        "What is in the way: ": body.problem,
        "What it tried: ": body.tried,
        "Files it has touched: ": ", ".join(body.files_touched),
    }
    return "\n\n".join(head + text for head, text in parts.items() if text)
