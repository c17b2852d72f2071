"""What `swarm status` does. Without typer: see `quick`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from swarmskill.cli.recalling import look_here, print_json, print_text, recall
from swarmskill.errors import UsageError

if TYPE_CHECKING:
    from swarmskill.cli.recalling import Recalled
    from swarmskill.views.base import Progresses


def show_status(run: str = "", *, everything: bool = False, watch: bool = False, as_json: bool = False) -> int:
    """Print where the run that is meant and each of its tasks stand; returns the exit code."""
    recalled = recall(run)
    if watch and as_json:
        raise UsageError("--watch shows the run to a person, --json to a program", hint="swarm events --follow --json")
    if watch and recalled.tended:
        from swarmskill.cli.watch import watch_status

        recalled = watch_status(recalled)
    if as_json:
        from swarmskill.views.run_json import run_document

        print_json(run_document(recalled.state, recalled.events, time.time(), held=recalled.tended))
    else:
        from swarmskill.views.status import status_text

        text = status_text(
            recalled.state,
            time.time(),
            look=look_here(),
            progress=_progress(recalled),
            held=recalled.tended,
            show_all=everything,
        )
        print_text(text)
    return 0


def _progress(recalled: Recalled) -> Progresses:
    """What the workers of a run that another process drives are doing."""
    if not recalled.held:
        return {}
    from swarmskill.mayor.accounts import Accounts

    accounts = Accounts(recalled.folder, recalled.state.config.prices)
    accounts.follow(recalled.state)
    return accounts.progress()
