"""The seam between `--from` and the lists that people keep their tasks in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol

from swarmskill.model import TaskList
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True)
class Loaded:
    """A list that was read, and who is to be told of completions if the user asks for that.

    `tracker` names one of `swarmskill.trackers`, "" where nothing can be written back, and `options` are
    its own words. `file` is the absolute path of the file that it writes, "" for a list that is none. A `shared`
    list is told unless the user forbids it: others take tasks from it, and must see which are ours.
    """

    tasks: TaskList
    tracker: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """What a source may use of the world.

    `read` gives the text of a file ("-" is standard input) and raises InputError. `run` gives what a program prints on
    standard output; it raises Refused if the program is missing, fails, or does not end in time. `top` is the
    repository around the current folder, None if there is none.
    """

    top: Path | None
    home: Path
    environment: Mapping[str, str] = field(repr=False)
    read: Callable[[str], str]
    run: Callable[[Sequence[str]], str]


class Source(Protocol):
    """One kind of task list. Every implementation passes `tests/contract/test_sources.py`."""

    name: str

    where: str
    """What may stand behind `--from NAME:`, for help and errors; "" for nothing."""

    def load(self, where: str, edge: Edge) -> Loaded:
        """Read the list at `where`, "" for the usual place. Changes nothing.

        Raises InputError for a list that is wrong, with file, place and fix; UsageError for a `where` that it
        cannot make sense of; Refused if a program that it needs does not work.
        """

    def recognises(self, path: str, text: str) -> bool:
        """Whether this text can only be a list of this kind. Must be quick, and never raise."""
