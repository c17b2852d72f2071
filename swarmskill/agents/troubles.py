"""What kind of trouble an agent's words or its service's HTTP status tell of."""

from __future__ import annotations

import re
from collections.abc import Iterable
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
    404: Trouble.AUTH,  # no such model for this key, or a wrong address
    407: Trouble.NETWORK,  # a proxy in between wants a password
    408: Trouble.NETWORK,
    413: Trouble.CONTEXT_FULL,
    429: Trouble.RATE_LIMIT,
    529: Trouble.OVERLOADED,
}


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# The first that is found decides, so the narrow ones come before the wide ones. Those of `_NARROW` go
# before a status too: services answer 400 to a full context and to a refusal, 429 to an empty account.
_NARROW: Final = (
    (
        _any_of(
            r"prompt is too long",
            r"context[ _-]?(?:window|length|limit)|maximum context",
            r"exceeds? the (?:maximum )?(?:context|number of (?:input )?tokens)|maximum number of (?:input )?tokens",
            r"(?:input|conversation|request) (?:is )?too (?:long|large)|too many (?:input )?tokens",
            r"input token count.{0,40}exceeds",
        ),
        Trouble.CONTEXT_FULL,
    ),
    (
        _any_of(
            r"content[ _-]?(?:policy|filter)|usage policy|safety (?:policy|settings|filter)|flagged (?:as|for|this)",
            r"\brefusal\b|can't help with this|prohibited[ _]content|blocked by (?:the )?safety",
        ),
        Trouble.REFUSED,
    ),
    (
        _any_of(r"credit balance|insufficient_quota|billing_error|payment required|out of (?:usage )?credits"),
        Trouble.AUTH,
    ),
    (_any_of(r"(?:maximum|tool-call|wall-time|cost) budget|budget[ _](?:exhausted|exceeded|of )"), Trouble.BUDGET),
    (_any_of(r"max(?:imum)?[ _-](?:session |number of )?turns"), Trouble.TURNS),
)
_WIDE: Final = (
    (
        _any_of(
            r"rate.?limit|too many requests|quota|resource.?exhausted",
            r"(?:usage|session|weekly|hour|spend) limit|hit your .{0,30}limit",
        ),
        Trouble.RATE_LIMIT,
    ),
    (
        _any_of(
            r"overloaded|high demand|(?:over|at|exhausted.{0,20}) ?capacity|model is busy",
            r"service unavailable|internal server error|bad gateway",
        ),
        Trouble.OVERLOADED,
    ),
    (
        _any_of(
            r"unauthori[sz]ed|unauthenticated|authenticat|permission_error|api key not valid",
            r"(?:invalid|incorrect|missing|no).{0,9}api.?key|api.?key.{0,20}(?:not|invalid|missing|expired)",
            r"not logged in|please (?:run )?/?log ?in|(?:log|sign) in again|(?:token|login|session) (?:has )?expired",
            r"(?:missing|must specify|set).{0,60}environment variable",
            r"model_not_found|model.{0,60}(?:not found|does not exist|may not exist|not supported)",
        ),
        Trouble.AUTH,
    ),
    (
        _any_of(
            r"econnrefused|econnreset|enotfound|etimedout|eai_again|ehostunreach|enetunreach|epipe",
            r"connection (?:was )?(?:refused|reset|error|closed|failed)|waiting for network|network error|dns error",
            r"stream (?:disconnected|closed|ended without)|fetch failed|socket hang up|timed? ?out",
            r"(?:unable to|cannot) connect",
            r"error sending request|(?:^|error: ?)terminated\b",
        ),
        Trouble.NETWORK,
    ),
    (
        _any_of(
            r"(?:requires?|needs?) (?:approval|permission)|requested permissions|rejected permission",
            r"permission (?:was |requested|rejected|declined)|not (?:running in|inside) a trusted",
        ),
        Trouble.DENIED,
    ),
)
_STATUS: Final = re.compile(
    r"""(?i:status(?:[ _]?code)?|http|error|code)[\s:="'(]*([1-5]\d\d)\b"""
    r"|\(([45]\d\d)\)"
    r"|\b([45]\d\d)\s+(?:[A-Z][a-z]+|\{)"
)
_DURATION: Final = re.compile(
    r"(\d+(?:\.\d+)?)\s*"
    r"(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])",
    re.IGNORECASE,
)
# Only a length of time is taken. A time of day needs a clock and its zone: the gate's own steps do as well.
_RETRY_AFTER: Final = re.compile(
    r"(?:retry|retrying|try again|resets?|wait)(?:[\s_-]*(?:after|in|for|delay|about))*[\s:=\"']*"
    rf"((?:{_DURATION.pattern}[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
_RETRY_AFTER_HEADER: Final = re.compile(r"retry[-_ ]?after[\s:=\"']*(\d+(?:\.\d+)?)(?![\w.:/-])", re.IGNORECASE)
_UNITS: Final = (("ms", 0.001), ("milli", 0.001), ("m", 60.0), ("h", 3600.0), ("d", 86400.0), ("s", 1.0))


def trouble_of_status(status: int) -> Trouble | None:
    """The kind of an HTTP status of the model's service; None for one that tells no more than "it failed"."""
    return _STATUSES.get(status) or (Trouble.OVERLOADED if 500 <= status < 600 else None)


def problem_of(words: str, *, status: int | None = None, retry_after: float | None = None) -> Problem:
    """What an error message says, with the status if the agent tells one; `crashed` if nothing fits.

    What the words say goes before the status where they tell more: services answer 400 to a full
    context and to a refusal.
    """
    if status is None:
        found = _STATUS.search(words)
        status = int(found[1] or found[2] or found[3]) if found else None
    by_status = trouble_of_status(status) if status else None
    kind = _kind(words, _NARROW) or by_status or _kind(words, _WIDE) or Trouble.CRASHED
    if retry_after is None and kind in GATED:
        retry_after = wait_of(words)
    return Problem(kind, one_line(words.replace("\n", " "), DETAIL_LENGTH), retry_after)


def problem_of_lines(lines: Iterable[str]) -> Problem | None:
    """What the plain lines that an agent printed before it died tell; None if there are none.

    The last line that names a trouble decides, else the last that speaks of an error, else the last.
    """
    problems = [problem_of(line) for line in lines if line.strip()]
    named = [problem for problem in problems if problem.kind is not Trouble.CRASHED]
    errors = [problem for problem in problems if re.search(r"\b\w*error\b|cannot|fatal", problem.detail, re.IGNORECASE)]
    return next(iter((named or errors or problems)[-1:]), None)


def wait_of(words: str) -> float | None:
    """How many seconds the words ask to wait; None if they tell no length of time."""
    if found := _RETRY_AFTER.search(words):
        return sum(float(number) * _unit(name) for number, name in _DURATION.findall(found[1]))
    found = _RETRY_AFTER_HEADER.search(words)
    return float(found[1]) if found else None


def _kind(words: str, table: Iterable[tuple[re.Pattern[str], Trouble]]) -> Trouble | None:
    return next((kind for pattern, kind in table if pattern.search(words)), None)


def _unit(name: str) -> float:
    return next(seconds for prefix, seconds in _UNITS if name.lower().startswith(prefix))
