"""Secrets in what workers print: every one is replaced by `***`.

A secret is looked for as it is, and as it stands in JSON (also in JSON inside JSON, as when a tool's
output is part of an agent's stream) and in URLs. Of one with several lines the long lines are
secrets, too: a key is printed indented or cut as easily as whole. The keeper imports this module:
standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache

LEAST_LENGTH = 6
"""Characters. A shorter value is part of too many words: masking it would spoil the log and hide little."""

_LEAST_LINE = 16
_STARS = "***"
_URL_SAFE = ("", "/", "!'()*")
"""What `quote` in its strictest and its usual form, and JavaScript's `encodeURIComponent` leave alone."""


def mask(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets. Do this before the text is cut: half a secret is not recognised."""
    pattern = _text_pattern(tuple(secrets))
    return pattern.sub(_STARS, text) if pattern else text


class Masker:
    """Takes the secrets out of a stream of bytes, wherever the stream is cut into pieces.

    `feed` and `close` together give what masking the whole at once would give. Kept back is only
    what is the beginning of a secret so far, and less than the longest one.
    """

    __slots__ = ("_by_first", "_firsts", "_held", "_longest", "_pattern")

    def __init__(self, secrets: Iterable[str]) -> None:
        literals = [_bytes(spelling) for spelling in _spellings(tuple(secrets))]
        literals.sort(key=len, reverse=True)
        self._held = b""
        self._longest = len(literals[0]) if literals else 0
        self._by_first: dict[int, list[bytes]] = {}
        for literal in literals:
            self._by_first.setdefault(literal[0], []).append(literal)
        self._pattern = re.compile(b"|".join(map(re.escape, literals))) if literals else None
        self._firsts = re.compile(b"|".join(re.escape(bytes([first])) for first in self._by_first))

    def feed(self, data: bytes) -> bytes:
        """What can be written now that these bytes came, too."""
        if self._pattern is None:
            return data
        text = self._held + data
        done = 0
        until = self._undecided(text, 0)
        pieces = []
        for found in self._pattern.finditer(text):
            if found.start() >= until:
                break
            pieces += [text[done : found.start()], _STARS.encode()]
            done = found.end()
            if done > until:
                until = self._undecided(text, done)
        self._held = text[until:]
        return b"".join((*pieces, text[done:until]))

    def close(self) -> bytes:
        """What is left, now that nothing more comes."""
        rest, self._held = self._held, b""
        return self._pattern.sub(_STARS.encode(), rest) if self._pattern else rest

    def _undecided(self, text: bytes, start: int) -> int:
        """From where on the bytes to come decide whether there is a secret, or which; at the earliest `start`."""
        for found in self._firsts.finditer(text, max(start, len(text) - self._longest + 1)):
            end = text[found.start() :]
            for literal in self._by_first[end[0]]:
                if len(literal) > len(end) and literal.startswith(end):
                    return found.start()
        return len(text)


@lru_cache(maxsize=16)
def _text_pattern(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    spellings = sorted(_spellings(secrets), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, spellings))) if spellings else None


@lru_cache(maxsize=16)
def _spellings(secrets: tuple[str, ...]) -> frozenset[str]:
    """All that is to be masked."""
    plain = {part for secret in secrets for part in _parts(secret.strip())}
    once = {form for part in plain for form in _in_json(part)}
    twice = {form for part in once for form in _in_json(part)}
    return frozenset(plain | once | twice | {form for part in plain for form in _in_urls(part)})


def _parts(secret: str) -> list[str]:
    if len(secret) < LEAST_LENGTH:
        return []
    lines = [line.strip() for line in secret.splitlines()]
    return [secret, *(line for line in lines if len(line) >= _LEAST_LINE)]


def _in_json(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _in_urls(text: str) -> list[str]:
    from urllib.parse import quote, quote_plus

    data = _bytes(text)
    return [quote_plus(data), *(quote(data, safe=safe) for safe in _URL_SAFE)]


def _bytes(text: str) -> bytes:
    """As it stands in a log. What came from the environment as no text is there as it was."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")  # not from an environment, but no reason to fail
