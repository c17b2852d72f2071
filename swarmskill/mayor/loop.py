"""The mayor's loop: record events, step, perform effects; nothing else.

The order is the contract: an event is in the ledger, on the disk, before its effects are performed.
So whatever is killed whenever, folding the ledger and performing what is outstanding goes on
exactly where it ended.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from swarmskill.core.effects import Effect
from swarmskill.core.events import Event, LimitsChanged
from swarmskill.core.progress import outstanding
from swarmskill.core.state import EMPTY, Stage, State, Stop
from swarmskill.core.transitions import step
from swarmskill.errors import InternalError


class Performer(Protocol):
    """Does what effects say, and answers with events through the mayor's `receive`."""

    def perform(self, effect: Effect, state: State) -> None:
        """Begin to perform; must not block."""

    def recorded(self, event: Event, state: State) -> None:
        """The event is in the ledger and `state` is what followed from it."""


class Book(Protocol):
    """Where events are made durable."""

    def append(self, events: Sequence[Event]) -> None:
        """Write the events and flush them to the disk."""


class Watcher(Protocol):
    """Whoever shows the run to a person."""

    frame: float
    """Seconds after which `tick` has to be called though nothing happened."""

    def event(self, event: Event, state: State) -> None:
        """An event led to `state`."""

    def say(self, line: str) -> None:
        """Something worth telling that is no event. Called from signal handlers, too."""

    def tick(self, state: State) -> None:
        """Time may have passed; called often, so it has to be cheap."""


class Wake:
    """Put into the mayor's inbox to let it look for requests."""


WAKE = Wake()


class Mayor:
    """Drives one run until it is over, or until this mayor is stopped."""

    def __init__(
        self,
        *,
        book: Book,
        watcher: Watcher,
        requests: Callable[[], Iterable[Event]],
        state: State = EMPTY,
        enough: Callable[[State], bool] = lambda state: False,
    ) -> None:
        self.state = state
        self._book = book
        self._watcher = watcher
        self._requests = requests
        self._enough = enough
        # A SimpleQueue may be put to from a signal handler, a Queue may not.
        self._inbox: queue.SimpleQueue[Event | Wake | BaseException] = queue.SimpleQueue()

    def receive(self, item: Event | Wake | BaseException) -> None:
        """Hand in an event, a wake-up, or an error that ends this mayor. Any thread, any signal handler."""
        self._inbox.put(item)

    def run(self, performer: Performer, first: Sequence[Event]) -> State:
        """Record `first`, perform all that is outstanding after it, go on until the run is over, or `enough`.

        Raises whatever a performer handed in; the run can then be resumed.
        """
        requests = list(self._requests())
        # With new limits a run goes on that without them would find its budget used up, and stop at once.
        limits = [request for request in requests if isinstance(request, LimitsChanged)]
        self._record([*limits, *first], performer)
        for effect in list(outstanding(self.state)):
            performer.perform(effect, self.state)
        self._take([request for request in requests if not isinstance(request, LimitsChanged)], performer)
        while not self._is_over() and not self._enough(self.state):
            self._take(self._next_events(), performer)
        return self.state

    def _is_over(self) -> bool:
        # A forced stop abandons checks that still run, so effects may be left unanswered.
        return self.state.stage is Stage.OVER and (not self.state.busy or self.state.stop is Stop.FORCE)

    def _next_events(self) -> list[Event]:
        """All events that are there; waits until there is one or a frame is due."""
        try:
            items = [self._inbox.get(timeout=self._watcher.frame)]
        except queue.Empty:
            return []
        while not self._inbox.empty():
            items.append(self._inbox.get())
        events: list[Event] = []
        for item in items:
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, Wake):
                events += self._requests()
            else:
                events.append(item)
        return events

    def _take(self, events: list[Event], performer: Performer) -> None:
        if events:
            for effect in self._record(events, performer):
                performer.perform(effect, self.state)
        self._watcher.tick(self.state)

    def _record(self, events: Sequence[Event], performer: Performer) -> list[Effect]:
        self._book.append(events)
        effects: list[Effect] = []
        for event in events:
            self.state, more = _step(self.state, event)
            effects += more
            performer.recorded(event, self.state)
            self._watcher.event(event, self.state)
        return effects


def _step(state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:
    try:
        return step(state, event)
    except InternalError:
        raise
    except Exception as error:
        raise InternalError(f"the core failed on {event!r}", story=repr(error)) from error
