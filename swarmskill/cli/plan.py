"""`swarm plan`: what a run would do, without doing it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
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
    else:
        listed = load_list(tasks, origin=from_, bead_ids=bead_ids)
    return print_plan(listed, Form.JSON if json else form, _expected(listed))


def print_plan(listed: TaskList, form: Form, expected: Mapping[str, float]) -> int:
    """Print what running the list would mean; `expected` are seconds by task id. Returns the exit code."""
    from swarmskill.core.graph import build_graph
    from swarmskill.views import plan as view

    graph = build_graph(listed.tasks, expected)
    if form is Form.JSON:
        print_json(view.plan_json(listed, graph))
    elif form is Form.MERMAID:
        print_text(view.plan_mermaid(listed, graph))
    elif form is Form.DOT:
        print_text(view.plan_dot(listed, graph))
    else:
        print_text(view.plan_text(listed, graph))
    return 0


def _expected(listed: TaskList) -> dict[str, float]:
    """What earlier runs let expect, with the agents that are set here; nothing outside of a repository."""
    from swarmskill.errors import SwarmError
    from swarmskill.history import expect
    from swarmskill.repo.locate import locate
    from swarmskill.settings import effective, load_sources, run_config

    with suppress(SwarmError):  # a plan needs neither a repository nor sound settings
        located = locate(Path.cwd())
        settings = effective(load_sources({}, os.environ, located.top, Path(typer.get_app_dir("swarm"))))
        return expect(located.common_dir, listed.tasks, run_config(settings, branch="", cross_cutting=()).pool)
    return {}
