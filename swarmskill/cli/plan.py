"""`swarm plan`: what a run would do, without doing it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.cli.lists import BeadIdsOption, FromOption, FromWaveOption, Wave, load_list, load_wave_list
from swarmskill.cli.options import JsonOption, print_json, print_text
from swarmskill.cli.run_options import Tasks

if TYPE_CHECKING:
    from swarmskill.model import TaskList


class Form(StrEnum):
    """How to print a plan."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"
    DOT = "dot"


def plan(
    tasks: Tasks = "",
    from_: FromOption = "",
    from_wave: FromWaveOption = "",
    bead_ids: BeadIdsOption = None,
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.TEXT,
    json: JsonOption = False,
) -> int:
    """Show the waves, the file ownership map with its conflicts, and the critical path. Starts nothing.

    Example: swarm plan tasks.json --format mermaid
    """
    if from_wave:
        listed = load_wave_list(Wave(from_wave), tasks=tasks, origin=from_, start=False)
        return print_plan(listed, Form.JSON if json else form)
    return print_plan(load_list(tasks, origin=from_, bead_ids=bead_ids), Form.JSON if json else form)


def print_plan(listed: TaskList, form: Form) -> int:
    """Print what running the list would mean; returns the exit code."""
    from swarmskill.core.graph import build_graph
    from swarmskill.views import plan as view

    graph = build_graph(listed.tasks)
    if form is Form.JSON:
        print_json(view.plan_json(listed, graph))
    elif form is Form.MERMAID:
        print_text(view.plan_mermaid(listed, graph))
    elif form is Form.DOT:
        print_text(view.plan_dot(listed, graph))
    else:
        print_text(view.plan_text(listed, graph))
    return 0
