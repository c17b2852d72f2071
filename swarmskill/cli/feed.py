"""A run that another process drives, as it goes: its ledger's new events and what its workers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from swarmskill.views.follow import LineTail

if TYPE_CHECKING:
    from swarmskill.cli.options import Recalled
    from swarmskill.core.events import Event
    from swarmskill.core.state import State
    from swarmskill.views.base import Progresses


class Feed:
    """Begins with the run as it was recalled; `poll` takes what came since."""

    def __init__(self, recalled: Recalled) -> None:
        from swarmskill.mayor.accounts import Accounts
        from swarmskill.views.nested import Nested

        self.state: State = recalled.state
        self._skip = len(recalled.events)
        self._tail = LineTail(recalled.folder.ledger)
        self._nested = Nested(recalled.folder)
        self._accounts = Accounts(recalled.folder, recalled.state.config.prices)

    def poll(self) -> Iterator[tuple[State, Event, State]]:
        """Each new event with the state before it and the one that followed."""
        from swarmskill.codec import BadLine, decode_event
        from swarmskill.core.transitions import step

        for line in self._tail.lines():
            if self._skip:
                self._skip -= 1
                continue
            try:
                event = decode_event(line.encode())[1]
            except BadLine:
                continue
            before = self.state
            self.state, _ = step(before, event)
            yield before, event, self.state

    def progress(self) -> Progresses:
        """What each worker is doing."""
        self._accounts.follow(self.state)
        return self._nested.add_to(self._accounts.progress())
