"""What the performers of one run share."""

from __future__ import annotations

from collections.abc import Mapping

from swarmskill.agents.environment import secret_values, worker_environment
from swarmskill.backends.base import Backend
from swarmskill.backends.handed import HandedOut
from swarmskill.config import RunConfig
from swarmskill.mayor.accounts import Accounts
from swarmskill.mayor.branch import RunBranch
from swarmskill.mayor.commands import Commands
from swarmskill.mayor.courier import Courier
from swarmskill.mayor.isolation import CheckoutGuard
from swarmskill.mayor.memory import MemoryHold
from swarmskill.places import RunFolder
from swarmskill.records import dataclass
from swarmskill.repo.collecting import GcPause
from swarmskill.repo.repository import Repository
from swarmskill.repo.worktree import Worktrees


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run's folder, repository, processes and worktrees.

    `backend` holds the mayor's own commands, `workers` the workers; `handed` is the latter where an assistant
    runs them, else None; `memory` holds them to their limits. `courier` carries the mail of a distributed run.
    `environment` is the mayor's own.
    """

    folder: RunFolder
    config: RunConfig
    repository: Repository
    worktrees: Worktrees
    backend: Backend
    workers: Backend
    handed: HandedOut | None
    commands: Commands
    environment: Mapping[str, str]
    guard: CheckoutGuard
    branch: RunBranch
    no_gc: GcPause
    memory: MemoryHold
    accounts: Accounts
    courier: Courier | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that workers know and nothing of ours may show."""
        return known_secrets(self.environment, self.config)

    def worker_variables(self, **named: str) -> dict[str, str]:
        """The whole environment of a process that works for this run, with `SWARM_*` values by name."""
        extra = {f"SWARM_{name.upper()}": value for name, value in named.items()}
        extra |= {"SWARM_RUN_ID": self.folder.run_id, "SWARM_REPO": str(self.repository.top)}
        return worker_environment(self.environment, allow=self.config.env, extra=extra)


def known_secrets(environment: Mapping[str, str], config: RunConfig) -> tuple[str, ...]:
    """Values in the mayor's environment that workers know and nothing of ours may show."""
    return secret_values(worker_environment(environment, allow=config.env, extra={}), config.secrets)
