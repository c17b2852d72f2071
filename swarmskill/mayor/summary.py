"""Performs Summarise: asks the agent once, without tools, what was done and what is open."""

from __future__ import annotations

import time

from swarmskill.core.effects import Summarise
from swarmskill.core.events import Summarised
from swarmskill.core.state import State
from swarmskill.mayor.asking import ask_agent
from swarmskill.mayor.context import RunContext
from swarmskill.prompt import render_summary_request
from swarmskill.views.report import report_markdown

_LIMIT = 180.0
"""Seconds for the agent's last words."""


def summarise(run: RunContext, effect: Summarise, state: State) -> Summarised:
    """Ask, and take what the agent says; why it says nothing is an answer, too."""
    prompt = render_summary_request(report_markdown(state, (), run.folder, time.time()))
    name = f"summary-{effect.session}"
    answer = ask_agent(run, name, effect.agent, "Summarise the run", prompt, limit=_LIMIT)
    return Summarised(
        at=time.time(),
        session=effect.session,
        text=answer.text or f"({answer.problem})",
        agent=effect.agent,
        report=answer.report,
    )
