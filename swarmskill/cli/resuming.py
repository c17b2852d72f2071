"""Going on with a run that has no mayor, and doing at its end what `swarm run` would."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmskill.cli.ci import Wanted, finish
from swarmskill.cli.options import settings_folder
from swarmskill.cli.run import show_run
from swarmskill.mayor.session import resume_run

if TYPE_CHECKING:
    from swarmskill.cli.detach import ViewOf
    from swarmskill.core.events import LimitsChanged
    from swarmskill.core.state import State
    from swarmskill.mayor.watching import Watching
    from swarmskill.places import RunFolder
    from swarmskill.repo.repository import Repository


def go_on(
    folder: RunFolder,
    repository: Repository,
    *,
    as_json: bool,
    view_of: ViewOf | None = None,
    limits: LimitsChanged | None = None,
    wanted: Wanted | None = None,
) -> int:
    """Resume the run, show it, say how it ended, and do what else is `wanted` of it; returns the exit code."""

    def drive(watcher: Watching) -> State:
        return resume_run(folder, repository, watcher, dict(os.environ), limits=limits, user_folder=settings_folder())

    def after(state: State) -> int:
        return finish(wanted or Wanted(), folder, repository, state, as_json=as_json)

    return show_run(folder, drive, as_json=as_json, view_of=view_of, after=after)
