"""What can be added to: our own parts by a table, others by entry points of installed packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from swarmskill.errors import UsageError
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True)
class Registry:
    """Parts of one kind by name. A built-in one wins over an entry point of the same name.

    `what` is the kind in words, `group` the group of entry points. `built_in` tells the module of each name,
    whose `attribute` is the part; modules are imported only when their part is asked for.
    """

    what: str
    group: str
    attribute: str
    built_in: Mapping[str, str]

    def names(self) -> list[str]:
        """All names, built-in ones first."""
        from importlib.metadata import entry_points

        others = {entry.name for entry in entry_points(group=self.group)} - self.built_in.keys()
        return [*self.built_in, *sorted(others)]

    def find(self, name: str) -> Any:
        """The part of that name. Raises UsageError where there is none, or its package cannot be loaded."""
        if name in self.built_in:
            return getattr(import_module(self.built_in[name]), self.attribute)
        from importlib.metadata import entry_points

        for entry in entry_points(group=self.group, name=name):
            try:
                return entry.load()
            except Exception as error:
                raise UsageError(
                    f"{self.what} {name!r} ({entry.value}) cannot be loaded: {error}",
                    hint=f"update or remove the package {entry.dist.name if entry.dist else 'that offers it'}",
                ) from error
        raise self.unknown(name)

    def unknown(self, name: str, *forms: str) -> UsageError:
        """The error that nothing has that name, with the nearest name. The `forms` are what can be written besides."""
        import difflib

        known = self.names()
        near = difflib.get_close_matches(name, known, n=1)
        question = f"did you mean {near[0]!r}? " if near else ""
        return UsageError(
            f"no {self.what} is called {name!r}", hint=f"{question}there are: {', '.join([*known, *forms])}"
        )
