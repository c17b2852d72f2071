"""Who called us: the program above our shell."""

from __future__ import annotations

from swarmskill.backends.processes import identity, is_alive
from swarmskill.records import dataclass

_SHELLS = frozenset("sh bash dash zsh fish ksh env timeout nohup setsid uv uvx swarm".split())


@dataclass(frozen=True, slots=True)
class Caller:
    """A process that called us. `identity` tells it from a later one of the same pid."""

    pid: int
    identity: str

    @property
    def alive(self) -> bool:
        """Whether it still is there."""
        return is_alive(self.pid, self.identity)


def find_caller() -> Caller:
    """The nearest of our ancestors that is no shell and no wrapper; the first process if there is none."""
    import psutil

    pid = 1
    for parent in psutil.Process().parents():
        pid = parent.pid
        try:
            if parent.name().lstrip("-") not in _SHELLS:
                break
        except psutil.Error:
            break
    return Caller(pid, identity(pid))
