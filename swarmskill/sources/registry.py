"""Which kinds of task lists there are: our own by this table, others by entry points of installed packages."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from swarmskill.errors import InputError, UsageError
from swarmskill.plugins import Registry
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

_REGISTRY: Final = Registry("kind of task list", GROUP, "SOURCE", BUILT_IN)


def find_source(name: str) -> Source:
    """The kind of that name. A built-in one wins over an entry point of the same name.

    Raises UsageError, naming the nearest and all known ones, or the package that cannot be loaded.
    """
    source: Source = _REGISTRY.find(name)
    return source


def source_names() -> list[str]:
    """The names of all kinds, built-in ones first."""
    return _REGISTRY.names()


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
