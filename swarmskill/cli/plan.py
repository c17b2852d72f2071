"""`swarm plan`: what a run would do, without doing it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from swarmskill.cli.options import JsonOption, print_json, print_text


class Form(StrEnum):
    """How to print a plan."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"
    DOT = "dot"


def plan(
    tasks: Annotated[str, typer.Argument(metavar="TASKS", help="Task file, JSON or YAML; - reads standard input.")],
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.TEXT,
    json: JsonOption = False,
) -> int:
    """Show the waves, the file ownership map with its conflicts, and the critical path. Starts nothing.

    Example: swarm plan tasks.json --format mermaid
    """
    return show_plan(tasks, Form.JSON if json else form)


def show_plan(tasks: str, form: str) -> int:
    """Print the plan of a task file; raises InputError if the list is wrong."""
    from swarmskill.cli.run import load_task_list
    from swarmskill.core.graph import build_graph
    from swarmskill.views import plan as view

    listed = load_task_list(tasks)
    graph = build_graph(listed.tasks)
    if form == Form.JSON:
        print_json(view.plan_json(listed, graph))
    elif form == Form.MERMAID:
        print_text(view.plan_mermaid(listed, graph))
    elif form == Form.DOT:
        print_text(view.plan_dot(listed, graph))
    else:
        print_text(view.plan_text(listed, graph))
    return 0
