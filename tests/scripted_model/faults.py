"""How a model fails: statuses, waits, silence, dropped connections, and the protocols' own words for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Final

CONTEXT: Final = "context"
"""A fault's kind: the prompt is too long for the model."""

REFUSED: Final = "refused"
"""A fault's kind: the model stops by content policy. No error status: an answer with a special ending."""

HANG: Final = "hang"
"""A fault's kind: the request is read and never answered."""

DROP: Final = "drop"
"""A fault's kind: the connection is closed before an answer."""

KINDS: Final = (CONTEXT, REFUSED, HANG, DROP)

_MESSAGES: Final = {
    400: "The request is not valid.",
    401: "invalid x-api-key",
    403: "Your API key does not have permission to use the specified resource.",
    404: "model: no-such-model",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your account's rate limit. Please try again later.",
    500: "Internal server error",
    503: "The server is overloaded or not ready yet.",
    529: "Overloaded",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail.

    `what` is an HTTP status or one of KINDS. It holds for the first `times` requests and for `seconds` after it
    was set, then the model answers. `retry_after` (seconds) goes into the header of that name (for Gemini into the
    body too), and `reset` (seconds from now) into the headers that tell when a limit ends, Anthropic's among them.
    """

    what: int | str
    times: float = inf
    seconds: float = inf
    retry_after: float | None = None
    reset: float | None = None
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.what, int) and self.what not in KINDS:
            raise ValueError(f"no such fault: {self.what!r}")

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.what if isinstance(self.what, int) else 400

    @property
    def words(self) -> str:
        """The error's message."""
        return self.message or _MESSAGES.get(self.status, f"error {self.status}")

    def all_headers(self) -> dict[str, str]:
        """The headers of the answer, besides the usual ones."""
        made = {}
        if self.retry_after is not None:
            made["retry-after"] = f"{self.retry_after:g}"
        if self.reset is not None:
            at = time.time() + self.reset
            made["anthropic-ratelimit-requests-reset"] = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
            made["anthropic-ratelimit-unified-reset"] = str(int(at))
            made["anthropic-ratelimit-unified-status"] = "rejected"
            made["x-ratelimit-reset-requests"] = f"{self.reset:g}s"
        return {**made, **self.headers}


class Faults:
    """The faults that were set for labels, and how often each has struck. The caller locks."""

    def __init__(self) -> None:
        self._set: dict[str, tuple[Fault, float]] = {}
        self._struck: dict[tuple[object, ...], int] = {}
        self._first: dict[tuple[object, ...], float] = {}

    def set(self, label: str, fault: Fault) -> None:
        """Let the requests of `label` fail, or of all labels for "*". Its counts begin anew."""
        self._set[label] = (fault, time.monotonic())
        self._struck.pop(("set", label), None)

    def clear(self, label: str) -> None:
        """Let the requests of `label` (or "*") be answered again."""
        self._set.pop(label, None)

    def strike(self, label: str) -> Fault | None:
        """The fault that was set for this request, if one was and it is not over."""
        for name in (label, "*"):
            if name in self._set:
                fault, since = self._set[name]
                if self.due(fault, ("set", name), since):
                    return fault
        return None

    def due(self, fault: Fault, key: tuple[object, ...], since: float | None = None) -> bool:
        """Whether the fault strikes now. `key` tells what its strikes are counted by.

        `since` is when its seconds began (monotonic); when it was first asked for, if that is not given.
        """
        if since is None:
            since = self._first.setdefault(key, time.monotonic())
        struck = self._struck.get(key, 0)
        if struck >= fault.times or time.monotonic() - since >= fault.seconds:
            return False
        self._struck[key] = struck + 1
        return True
