"""Which kinds of task lists there are: our own by this table, others by entry points of installed packages."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from typing import Final

from swarmskill.errors import InputError, UsageError
from swarmskill.sources.base import Edge, Loaded, Source

BUILT_IN: Final = {
    "beads": "swarmskill.sources.beads",
    "claude": "swarmskill.sources.claude",
    "spec-kit": "swarmskill.sources.spec_kit",
    "task-master": "swarmskill.sources.task_master",
    "github": "swarmskill.sources.github",
    "checklist": "swarmskill.sources.checklist",
    "tasks": "swarmskill.sources.tasks",
}
"""Name -> module, whose SOURCE it is. One line for each kind. The first that recognises a file has it, `tasks` last."""

GROUP: Final = "swarmskill.sources"
"""Entry points of this group in other packages name a Source: `mine = "mypackage.source:SOURCE"`."""


def find_source(name: str) -> Source:
    """The kind of that name. A built-in one wins over an entry point of the same name.

    Raises UsageError, naming the nearest and all known ones, or the package that cannot be loaded.
    """
    if name in BUILT_IN:
        source: Source = import_module(BUILT_IN[name]).SOURCE
        return source
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=name):
        try:
            loaded: Source = entry.load()
        except Exception as error:
            raise UsageError(
                f"the kind of list {name!r} ({entry.value}) cannot be loaded: {error}",
                hint=f"update or remove the package {entry.dist.name if entry.dist else 'that offers it'}",
            ) from error
        return loaded
    import difflib

    near = difflib.get_close_matches(name, source_names(), n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"no kind of task list is called {name!r}", hint=f"{question}{_forms()}")


def source_names() -> list[str]:
    """The names of all kinds, built-in ones first."""
    from importlib.metadata import entry_points

    others = {entry.name for entry in entry_points(group=GROUP)} - BUILT_IN.keys()
    return [*BUILT_IN, *sorted(others)]


def load_from(given: str, edge: Edge) -> Loaded:
    """Read the list that `--from` names: `KIND`, `KIND:WHERE`, or a file or folder that tells its kind itself.

    Raises InputError, UsageError or Refused.
    """
    kind, colon, where = given.partition(":")
    if kind in source_names():
        return find_source(kind).load(where, edge)
    if os.path.exists(given) or given == "-":
        return recognised(given, edge).load(given, edge)
    if colon and not kind.startswith((".", "/")):
        find_source(kind)  # Says which kinds there are.
    raise UsageError(f"{given!r} is no kind of task list, and no file of that name is there", hint=_forms())


def recognised(path: str, edge: Edge) -> Source:
    """The kind that a file or folder is, by its content. Raises InputError if it is none."""
    if path == "-" or os.path.isdir(path):
        return find_source("tasks")
    text = edge.read(path)
    for name in [*(name for name in source_names() if name != "tasks"), "tasks"]:
        with suppress(UsageError):  # a package that cannot be loaded is told to those who ask for it by name
            source = find_source(name)
            if source.recognises(path, text):
                return source
    hint = f"name its kind, as in --from spec-kit:{path}; {_forms()}"
    raise InputError("does not tell what kind of task list it is", source=path, hint=hint)


def _forms() -> str:
    forms = []
    for name in source_names():
        where = find_source(name).where if name in BUILT_IN else ""
        forms.append(f"{name}:{where}" if where else name)
    return "there are: " + ", ".join(forms)
