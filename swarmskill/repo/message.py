"""Commit messages: a task's words made safe, and the trailers by which git alone can tell what was integrated.

The trailers are always the last paragraph, and only the last paragraph is read: a description that quotes
them fools nobody.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_to_bytes

from swarmskill.model import Task

RUN = "Swarm-Run"
TASK = "Swarm-Task"
ATTEMPT = "Swarm-Attempt"

_SUBJECT_LENGTH = 72
_BODY_LENGTH = 10_000
_TRAILERS = re.compile(rf"{RUN}: (?P<run>[^\n]*)\n{TASK}: (?P<task>[^\n]*)\n{ATTEMPT}: (?P<attempt>[0-9]+)")


def commit_message(task: Task, run_id: str, attempt: int) -> str:
    """The message of a task's commit: subject of at most 72 characters, description, trailers."""
    full = _one_line(task.subject) or _one_line(task.id) or "task"
    subject = _shortened(full)
    body = _clean(task.description)
    if len(body) > _BODY_LENGTH:
        body = body[:_BODY_LENGTH].rstrip() + " […]"
    paragraphs = [
        subject,
        full if subject != full else "",
        body,
        trailers(run_id, task.id, attempt),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def trailers(run_id: str, task_id: str, attempt: int) -> str:
    """The last paragraph of a task's commit."""
    return f"{RUN}: {encode_id(run_id)}\n{TASK}: {encode_id(task_id)}\n{ATTEMPT}: {attempt}"


def read_trailers(message: str) -> tuple[str, str, int] | None:
    """Run id, task id and attempt out of a commit message; None if its last paragraph is not ours alone."""
    last = message.rstrip("\n").rsplit("\n\n", 1)[-1]
    found = _TRAILERS.fullmatch(last)
    if found is None:
        return None
    return decode_id(found["run"]), decode_id(found["task"]), int(found["attempt"])


def encode_id(text: str) -> str:
    """The id on one line of printable characters; ordinary ids stay as they are."""
    plain = "".join(char if _plain(char) else _percent(char) for char in text)
    if plain.startswith(" "):
        plain = "%20" + plain[1:]
    return plain[:-1] + "%20" if plain.endswith(" ") else plain


def decode_id(text: str) -> str:
    """What `encode_id` was given."""
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def _plain(char: str) -> bool:
    return char != "%" and (char == " " or unicodedata.category(char)[0] not in "CZ")


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _one_line(text: str) -> str:
    return " ".join(_clean(text).split())


def _clean(text: str) -> str:
    """Newlines and tabs stay; other control characters, lone surrogates and direction marks go."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = ("".join(char for char in line if char == "\t" or unicodedata.category(char)[0] != "C") for line in lines)
    return "\n".join(line.rstrip() for line in kept).strip("\n")


def _shortened(line: str) -> str:
    if len(line) <= _SUBJECT_LENGTH:
        return line
    cut = line[: _SUBJECT_LENGTH - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > _SUBJECT_LENGTH // 2 else cut).rstrip() + "…"
