"""Values that options and variables give as one word, made into what a file would hold."""

from __future__ import annotations

import re


def maybe_number(text: str) -> float | str:
    """The number that the text is, else the text."""
    if re.fullmatch(r"[0-9]{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[0-9]{1,18}\.[0-9]{1,9}", text) else text


def maybe_seconds(text: str) -> float | str:
    """The seconds that the text is without a unit, else the text."""
    return float(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text) else text


def maybe_flag(text: str) -> bool | str:
    """The truth value that the text is, else the text."""
    return {"1": True, "true": True, "0": False, "false": False}.get(text.lower(), text)


def split_words(text: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
