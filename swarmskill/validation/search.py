"""Searches a file for a regular expression; also run as a program of its own.

A pattern such as `(a+)+$` can keep `re` busy for years, and a search cannot be stopped within a process.
So patterns that can backtrack are searched by a child process, which has a time limit:

    python -I -S search.py PATTERN-AS-JSON FILE

It exits with 0 (found), 1 (not found) or 2 (cannot search; says why). Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from typing import Final

MAX_BYTES: Final = 8 * 1024 * 1024
"""No more than this much from the start of a file is searched."""

_BACKTRACKING: Final = frozenset("*+?{|")


class CannotSearch(Exception):
    """The file cannot be read, or the pattern is none; the message says why."""


def may_backtrack(pattern: str) -> bool:
    """Whether a search could take more than a moment: the pattern repeats something or has alternatives."""
    return not _BACKTRACKING.isdisjoint(pattern)


def is_in_file(pattern: str, file: str) -> bool:
    r"""Whether the pattern is found in the file's text.

    `^` and `$` match at every line, line ends are `\\n` whatever the file has, and bytes that are not
    UTF-8 count as U+FFFD. Raises CannotSearch.
    """
    text = _read(file)
    try:
        return re.search(pattern, text, re.MULTILINE) is not None
    except (re.error, OverflowError, RecursionError) as error:
        raise CannotSearch(f"not a regular expression: {error}") from error


def _read(file: str) -> str:
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise CannotSearch("not a regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as opened:
                data = opened.read(MAX_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CannotSearch(error.strerror or str(error)) from error
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def main(arguments: list[str]) -> int:
    """Search as a program; returns the exit code."""
    pattern, file = arguments
    try:
        return 0 if is_in_file(json.loads(pattern), file) else 1
    except CannotSearch as error:
        print(error)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
