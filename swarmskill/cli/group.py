"""How verbs are described: help and example come from a function's docstring."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import typer

EXAMPLE = "\n\nExample: "


def add_verb(app: typer.Typer, verb: str, function: Callable[..., Any], words: str) -> None:
    """Make a function a verb; its docstring ends with an example."""
    from swarmskill.cli.help import Verb

    text, _, example = inspect.cleandoc(function.__doc__ or "").partition(EXAMPLE)
    app.command(verb, help=text, short_help=words, epilog=f"Example: {example}", cls=Verb)(function)


def make_group(text: str, verbs: Mapping[str, tuple[Callable[..., Any], str]]) -> typer.Typer:
    """A verb with verbs of its own; `text` ends with an example."""
    words, _, example = inspect.cleandoc(text).partition(EXAMPLE)
    app = typer.Typer(help=words, epilog=f"Example: {example}", rich_markup_mode=None, no_args_is_help=True)
    for verb, (function, short) in verbs.items():
        add_verb(app, verb, function, short)
    return app
