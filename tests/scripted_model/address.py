"""What can stand in an address before the protocol's own path:

    /L/<label>                                     whose requests these are; "default" without
    /E/<status or kind>[/<n>x][/<s>s][/after-<s>]  fail: the first n times, for s seconds after the first time, with
                                                   that `retry-after`; the kinds are those of `faults.py`
    /H, /D                                         hang, drop the connection: short for /E/hang, /E/drop

as in http://127.0.0.1:8000/L/claude/E/529/2x/v1/messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Final, Self

from tests.scripted_model.faults import DROP, HANG, Fault

_LABEL: Final = re.compile(r"/L/([\w.-]+)(?=/)")
_FAULT: Final = re.compile(r"/E/(\w+)(?:/(\d+)x)?(?:/([\d.]+)s)?(?:/after-([\d.]+))?(?=/)")
_SHORT: Final = {"/H/": HANG, "/D/": DROP}


@dataclass(frozen=True, slots=True)
class Address:
    """Label, the protocol's own path, and the fault."""

    label: str
    path: str
    fault: Fault | None = None

    @classmethod
    def parse(cls, address: str) -> Self:
        """Read an address as it stands in a request. Raises ValueError on a fault that there is not."""
        path, label = address.partition("?")[0], "default"
        if found := _LABEL.match(path):
            label, path = found[1], path[found.end() :]
        if path[:3] in _SHORT:
            return cls(label, path[2:], Fault(_SHORT[path[:3]]))
        found = _FAULT.match(path)
        if found is None:
            return cls(label, path)
        what, times, seconds, after = found.groups()
        fault = Fault(
            int(what) if what.isdecimal() else what,
            times=int(times) if times else inf,
            seconds=float(seconds) if seconds else inf,
            retry_after=float(after) if after else None,
        )
        return cls(label, path[found.end() :], fault)
