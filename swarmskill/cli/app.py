"""All verbs in one Typer application."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import typer

_VERBS: Final = {
    "run": ("run", "run"),
    "plan": ("plan", "plan"),
    "demo": ("demo", "demo"),
    "runs": ("look", "runs"),
    "status": ("look", "status"),
    "tree": ("look", "tree"),
    "why": ("look", "why"),
    "report": ("look", "report"),
    "logs": ("follow", "logs"),
    "events": ("follow", "events"),
    "stop": ("steer", "stop"),
    "kill": ("steer", "kill"),
    "resume": ("steer", "resume"),
    "retry": ("steer", "retry"),
    "clean": ("clean", "clean"),
}
"""Verb -> module and function. One file per family of verbs."""


def application() -> typer.Typer:
    """The `swarm` command with every verb."""
    app = typer.Typer(
        name="swarm",
        help="Run a task graph with many agents at once: one fresh agent and git worktree per task,"
        " checked before it is committed.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for verb, (module, function) in _VERBS.items():
        app.command(verb)(getattr(import_module(f"swarmskill.cli.{module}"), function))
    return app
