"""PURE. What foreign programs printed, made fit to be kept and shown."""

from __future__ import annotations

import re
from typing import Final

from swarmskill.validation.credentials import mask_credentials

TAIL_CHARACTERS: Final = 4000
_CUT: Final = "[…]\n"

_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor moves
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # titles, links, device strings
    r"|\x1b[ -/]*[0-~]?"
)
# What is left of C0 and C1, marks that turn the direction of text, and half characters.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_OVERWRITTEN: Final = re.compile(r"^[^\n]*\r(?=[^\r\n])", re.MULTILINE)


def clean(text: str) -> str:
    """The text without control codes, and with credentials masked. Overwritten parts of a line are dropped."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    text = _CONTROLS.sub("", _OVERWRITTEN.sub("", text))
    return mask_credentials(_SURROGATES.sub("\ufffd", text))


def tail(text: str, limit: int = TAIL_CHARACTERS) -> str:
    """The last whole lines of the cleaned text, `limit` characters at most.

    A last line that is longer than that loses its beginning.
    """
    text = clean(text).rstrip()
    if len(text) <= limit:
        return text
    kept = text[len(_CUT) - limit :]
    starts_line = text[len(text) - len(kept) - 1] == "\n"
    border = -1 if starts_line else kept.find("\n")
    return _CUT + kept[border + 1 :]


def one_line(text: str, limit: int) -> str:
    """The cleaned text on one line, `limit` characters at most."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def listed(items: list[str], limit: int = 20) -> str:
    """The items as an enumeration that stays short."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more
