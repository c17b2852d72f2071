"""swarm's own task files, and folders with one file for each task."""

from __future__ import annotations

import os

from swarmskill.errors import UsageError
from swarmskill.sources.base import Edge, Loaded
from swarmskill.sources.taskfile import load_tasks


class TaskFile:
    """A task file, JSON or YAML. It is an order, not a tracker: nothing is written back to it."""

    name = "tasks"
    where = "FILE"

    def load(self, where: str, edge: Edge) -> Loaded:
        """Read the file; "-" is standard input."""
        if not where:
            raise UsageError("--from tasks names no file", hint="swarm run --from tasks:tasks.json")
        return Loaded(load_tasks(where, repo_top=edge.top))

    def recognises(self, path: str, text: str) -> bool:
        """Whatever is no Markdown. It is asked last, so nobody else's."""
        return os.path.splitext(path)[1].lower() not in (".md", ".markdown")


SOURCE = TaskFile()
