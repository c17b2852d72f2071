"""Options and arguments that several verbs share, and with them what these verbs do with a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swarmskill.cli.recalling import (
    Recalled,
    check_task,
    is_tended,
    look_here,
    print_json,
    print_json_line,
    print_text,
    recall,
    recall_family,
)

__all__ = [
    "Recalled",
    "check_task",
    "is_tended",
    "look_here",
    "print_json",
    "print_json_line",
    "print_text",
    "recall",
    "recall_family",
]

AGENTS = "Agents"
LIMITS = "Limits"
"""Headings in the help."""

RunArgument = Annotated[str, typer.Argument(metavar="[RUN]", help="Run id or a part of it; the newest by default.")]
RunOption = Annotated[str, typer.Option("--run", metavar="RUN", help="Run id or a part of it; the newest by default.")]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="Task id.")]
MaxCostOption = Annotated[
    str | None,
    typer.Option(metavar="USD", help="What the run may cost, from its start on. [no limit]", rich_help_panel=LIMITS),
]
MaxTokensOption = Annotated[
    str | None,
    typer.Option(
        metavar="N", help="Tokens that the run may use, from its start on. [no limit]", rich_help_panel=LIMITS
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DetachOption = Annotated[bool, typer.Option("--detach", help="Return once the run has begun; see `swarm wait`.")]


def settings_folder() -> Path:
    """Where the user's own swarm.toml is."""
    return Path(typer.get_app_dir("swarm"))
