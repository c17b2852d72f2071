"""All verbs in one Typer application."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Final

import typer

from swarmskill.cli.group import add_verb

VERBS: Final = {
    "run": ("run", "Run a task list: workers, checks, commits"),
    "next": ("host", "Hand out the next workers to an assistant"),
    "done": ("host", "Take back what an assistant's worker did"),
    "wait": ("wait", "Wait until a run is over"),
    "plan": ("plan", "Show what a run would do, without doing it"),
    "demo": ("demo", "Run ten small tasks in a scratch repository"),
    "runs": ("look", "List the runs of this repository"),
    "status": ("look", "Show where a run and its tasks stand"),
    "tree": ("look", "Show the task graph as a tree"),
    "why": ("look", "Tell the story of one task"),
    "logs": ("follow", "Print what a task's worker printed"),
    "attach": ("attach", "Look at a worker in its tmux window"),
    "events": ("follow", "Print the events of a run"),
    "cost": ("cost", "Show the tokens and the cost of a run"),
    "report": ("look", "Print the report of a run"),
    "stop": ("steer", "Stop a run when its workers have finished"),
    "kill": ("steer", "Kill the workers of a run at once"),
    "resume": ("steer", "Go on with a run"),
    "retry": ("steer", "Try a task again"),
    "mail": ("mail", "Send, read and answer mail between workers and mayor"),
    "kv": ("kv", "Share values among the workers of a run"),
    "limit": ("steer", "Change what a run may use"),
    "doctor": ("doctor", "Tell which agents can work here, and all settings"),
    "install": ("install", "Bring the skill to your coding assistants"),
    "uninstall": ("install", "Take the skill away again"),
    "hook": ("hook", "Answer a hook of Claude Code"),
    "serve": ("serve", "Show the runs in the browser and over HTTP"),
    "mcp": ("mcp", "Serve the verbs as tools of an assistant (MCP)"),
    "clean": ("clean", "Remove worktrees that nobody needs"),
}
"""Verb -> module, in which the function of that name is, and what it does in a few words."""


_LISTING: Final = ("", "-h", "--help")
"""First words that only want the verbs listed."""


def application(first_word: str = "") -> typer.Typer:
    """The `swarm` command with every verb, or just the one that is asked for, for describing all takes its time.

    Where the verbs are only listed they are names and a few words, and cannot be called.
    """
    app = typer.Typer(
        name="swarm",
        help="Run a task graph with many agents at once: one fresh agent and git worktree per task,"
        " checked before it is committed.",
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(lambda: None)  # or one verb alone would be no verb but the whole command
    asked = {first_word: VERBS[first_word]} if first_word in VERBS else VERBS
    listing = first_word in _LISTING and "_SWARM_COMPLETE" not in os.environ  # a shell that completes asks for all
    for verb, (module, words) in asked.items():
        if listing:
            app.command(verb, short_help=words)(_listed)
            continue
        found = getattr(import_module(f"swarmskill.cli.{module}"), verb)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=verb, short_help=words)
        else:
            add_verb(app, verb, found, words)
    return app


def _listed() -> None:
    """Stands for a verb in the list."""
