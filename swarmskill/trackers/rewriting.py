"""Changing one thing in a file of the user's: what is there now is read again, and all else stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from swarmskill.answers import Answer, Reply
from swarmskill.writing import replace_file

_TRIES = 10


class NotThere(Exception):
    """What is to be changed is not in the file any more."""


def rewrite(file: Path, edit: Callable[[str], str]) -> Answer:
    """Put `edit` of the file's text in its place, in one step. An edit that changes nothing writes nothing.

    When somebody else writes the file meanwhile, the edit is made again on what they wrote. The edit may raise
    NotThere, which is answered with NOT_TOLD, or ValueError, with FAILED.
    """
    for _ in range(_TRIES):
        try:
            before = file.read_bytes()
            after = edit(before.decode("utf-8")).encode("utf-8")
            if after == before:
                return Answer(Reply.ACCEPTED)
            if file.read_bytes() == before:
                replace_file(file, after)
                return Answer(Reply.ACCEPTED)
        except NotThere as gone:
            return Answer(Reply.NOT_TOLD, f"{file}: {gone}")
        except UnicodeDecodeError:
            return Answer(Reply.FAILED, f"{file} is not UTF-8 any more")
        except ValueError as error:
            return Answer(Reply.FAILED, f"{file}: {error}")
        except OSError as error:
            return Answer(Reply.FAILED, f"{file} cannot be written: {error.strerror}")
    return Answer(Reply.FAILED, f"{file} is changed all the time by somebody else")
