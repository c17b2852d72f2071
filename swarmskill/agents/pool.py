"""The words by which a user names the agents of a run: `claude`, `claude=3,codex=2`, `auto`."""

from __future__ import annotations

import re
from typing import Final

from swarmskill.agents.registry import check_agent_name
from swarmskill.config import Share
from swarmskill.errors import UsageError

AUTO: Final = "auto"
"""Stands for the first agent that can work here; `detection.first_able` finds it before the run starts."""

_SHARE: Final = re.compile(r"\s*(\S.*?)\s*=\s*([0-9]{1,4})\s*")


def parse_pool(text: str) -> tuple[Share, ...]:
    """Agents with how many of their workers may be at work at the same time. `acp:COMMAND` stands alone.

    Raises UsageError.
    """
    shares = [_share(part) for part in ([text] if text.startswith("acp:") else text.split(","))]
    names = [share.agent for share in shares]
    if len(set(names)) < len(names):
        raise UsageError(f"{text!r} names an agent twice", hint="name each once")
    if AUTO in names and len(names) > 1:
        raise UsageError(f"{text!r}: {AUTO} stands for one agent", hint=f"write {AUTO} alone, or name the agents")
    for name in names:
        if name != AUTO:
            check_agent_name(name)
    return tuple(shares)


def _share(part: str) -> Share:
    limited = _SHARE.fullmatch(part)
    name, workers = (limited[1], int(limited[2])) if limited else (part.strip(), None)
    if not name or workers == 0:
        raise UsageError(f"{part!r} is no agent of a pool", hint="write claude, or claude=3,codex=2")
    return Share(name, workers)
