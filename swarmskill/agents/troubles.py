"""What kind of trouble an agent's words or its service's HTTP status tell of."""

from __future__ import annotations

import re
from typing import Final

from swarmskill.agents.text import one_line
from swarmskill.model import Problem, Trouble

DETAIL_LENGTH = 300

GATED: Final = frozenset({Trouble.RATE_LIMIT, Trouble.OVERLOADED, Trouble.NETWORK})
"""Troubles of the service, not of the task: they pass."""

_STATUSES: Final = {
    401: Trouble.AUTH,
    402: Trouble.AUTH,
    403: Trouble.AUTH,
    408: Trouble.NETWORK,
    413: Trouble.CONTEXT_FULL,
    429: Trouble.RATE_LIMIT,
    529: Trouble.OVERLOADED,
}

# The first that is found decides, so the narrow ones come before the wide ones.
_WORDS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (
            r"prompt is too long|context[ _](?:window|length)|maximum context|context_length_exceeded"
            r"|exceeds? the (?:maximum )?(?:context|number of tokens)|input is too long|too many (?:input )?tokens",
            Trouble.CONTEXT_FULL,
        ),
        (
            r"content[ _-]?(?:policy|filter)|usage policy|safety (?:policy|settings)|flagged as|\brefusal\b",
            Trouble.REFUSED,
        ),
        (r"rate.?limit|too many requests|usage limit|quota|resource.?exhausted|session limit", Trouble.RATE_LIMIT),
        (
            r"overloaded|over capacity|at capacity|service unavailable|internal server error|bad gateway",
            Trouble.OVERLOADED,
        ),
        (
            r"unauthori[sz]ed|unauthenticated|authentication|invalid.{0,9}api.?key|api.?key.{0,20}(?:not|invalid|missing)"
            r"|not logged in|please (?:run )?/?log ?in|permission_error|credit balance|missing.{0,40}environment variable",
            Trouble.AUTH,
        ),
        (
            r"econnrefused|econnreset|enotfound|etimedout|eai_again|connection (?:refused|reset|error|closed)"
            r"|waiting for network|stream disconnected|network error|fetch failed|socket hang up|timed? ?out"
            r"|error sending request|dns error|unable to connect|terminated",
            Trouble.NETWORK,
        ),
    )
)
_STATUS: Final = re.compile(
    r"(?:status(?: code)?|http|error|code)[\s:=\"(]*([1-5]\d\d)\b|\b([45]\d\d)\s+(?:[A-Z][a-z]+|\{)", re.IGNORECASE
)
_RETRY_AFTER: Final = re.compile(
    r"(?:retry|try again|reset|wait)[a-z\s_-]{0,20}(?:after|in|delay)?[\s:=\"]*(\d+(?:\.\d+)?)\s*(ms|m|h|s)?",
    re.IGNORECASE,
)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def trouble_of_status(status: int) -> Trouble | None:
    """The kind of an HTTP status of the model's service; None for one that tells no more than "it failed"."""
    return _STATUSES.get(status) or (Trouble.OVERLOADED if status >= 500 else None)


def problem_of(words: str, *, status: int | None = None, retry_after: float | None = None) -> Problem:
    """What an error message says, with the status if the agent tells one; `crashed` if nothing fits.

    What the words say goes before the status where they tell more: services answer 400 to a full
    context and to a refusal.
    """
    told = _kind_of_words(words)
    if status is None:
        found = _STATUS.search(words)
        status = int(found[1] or found[2]) if found else None
    by_status = trouble_of_status(status) if status else None
    narrow = told in (Trouble.CONTEXT_FULL, Trouble.REFUSED)
    kind = (told if narrow else by_status or told) or Trouble.CRASHED
    return Problem(kind, one_line(words, DETAIL_LENGTH), retry_after if retry_after is not None else _wait(words, kind))


def _kind_of_words(words: str) -> Trouble | None:
    return next((kind for pattern, kind in _WORDS if pattern.search(words)), None)


def _wait(words: str, kind: Trouble) -> float | None:
    found = _RETRY_AFTER.search(words) if kind in GATED else None
    return float(found[1]) * _UNITS[(found[2] or "s").lower()] if found else None
