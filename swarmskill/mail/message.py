"""A message, and its text: JSON frontmatter and Markdown, as MCP Agent Mail keeps it. Pure.

    ---json
    {"id": "3-1.000002", "thread_id": "3", "from": "3-1", "to": ["mayor"], "subject": "[3] PROGRESS", ...}
    ---

    Bead: 3
    Step: tests

What the body of each type tells is in `kinds`, where it stands in `layout`.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, Final

from swarmskill.mail.kinds import BODIES, Body, Kind
from swarmskill.mail.layout import BadMessage, parse_body, render_body
from swarmskill.mail.moment import moment_text, read_moment
from swarmskill.records import dataclass

MAYOR: Final = "mayor"
"""The name of the mailbox of whoever runs the workers."""

SAFE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,119}")
"""What an id may be made of, since it is a part of file names."""

OPENING: Final = "---json\n"
CLOSING: Final = "\n---\n"

_KEYS: Final = frozenset(
    "id thread_id project project_slug from to cc subject created importance ack_required attachments reply_to".split()
)


class Importance(StrEnum):
    """How soon a message wants to be read."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message.

    `id` begins with the sender's name and a dot. `thread` is the task's id, "" for what concerns no
    task. `to` are names of mailboxes or ids of tasks. `title` are words behind the type in the subject.
    `created` is what the sender's clock said, in seconds since the epoch: shown, never used to sort.
    `reply_to` is the id of the message that this one answers. Raises BadMessage if type and body do not fit.
    """

    id: str
    thread: str
    sender: str
    to: tuple[str, ...]
    kind: Kind
    body: Body
    created: float
    title: str = ""
    importance: Importance = Importance.NORMAL
    ack_required: bool = False
    reply_to: str = ""

    def __post_init__(self) -> None:
        if type(self.body) is not BODIES[self.kind]:
            raise BadMessage("body", f"{type(self.body).__name__} is not the body of {self.kind}")

    @property
    def subject(self) -> str:
        """`[3] PROGRESS`, or `[3] NOTE: a few words`."""
        prefix = f"[{self.thread}] " if self.thread else ""
        return f"{prefix}{self.kind}" + (f": {self.title}" if self.title else "")

    @property
    def text(self) -> str:
        """The body as Markdown."""
        return render_body(self.kind, self.body, self.thread)


def render(message: Message, project: str = "") -> str:
    """The message as the text of its file. `parse(render(message)) == message` for every message."""
    front = {
        "id": message.id,
        "thread_id": message.thread or None,
        "project": project,
        "from": message.sender,
        "to": list(message.to),
        "cc": [],
        "subject": message.subject,
        "created": moment_text(message.created),
        "importance": str(message.importance),
        "ack_required": message.ack_required,
        "attachments": [],
    }
    if message.reply_to:
        front["reply_to"] = message.reply_to
    return f"{OPENING}{json.dumps(front, indent=2, ensure_ascii=False)}{CLOSING}\n{message.text}\n"


def parse(text: str) -> Message:
    """The message in the text of a file, in exactly our form. Raises BadMessage, which names the field."""
    front, body = split_text(text)
    for name in front.keys() - _KEYS:
        raise BadMessage(name, "the frontmatter has no such key")
    thread = _string(front, "thread_id", may_lack=True)
    kind, title = _split_subject(_string(front, "subject"), thread)
    return Message(
        id=_filled(front, "id"),
        thread=thread,
        sender=_filled(front, "from"),
        to=_names(front, "to"),
        kind=kind,
        body=parse_body(kind, body.removeprefix("\n").removesuffix("\n"), thread),
        created=_moment(front),
        title=title,
        importance=_importance(front),
        ack_required=_flag(front, "ack_required"),
        reply_to=_string(front, "reply_to", may_lack=True),
    )


def split_text(text: str) -> tuple[dict[str, Any], str]:
    """The frontmatter as JSON data and the text behind it. Raises BadMessage."""
    if not text.startswith(OPENING):
        raise BadMessage("frontmatter", "the first line is not ---json")
    head, closing, body = text[len(OPENING) :].partition(CLOSING)
    if not closing:
        raise BadMessage("frontmatter", "no line --- ends it")
    try:
        front = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise BadMessage("frontmatter", f"it is no JSON: {error}") from error
    if not isinstance(front, dict):
        raise BadMessage("frontmatter", "it is no JSON object")
    return front, body


def _split_subject(subject: str, thread: str) -> tuple[Kind, str]:
    prefix = f"[{thread}] "
    rest = subject.removeprefix(prefix) if thread else subject
    if rest == subject and subject.startswith("["):
        raise BadMessage("subject", f"{subject!r} does not begin with the thread, [{thread}]")
    word, colon, title = rest.partition(": ")
    if word not in Kind._value2member_map_ or (colon and not title):
        raise BadMessage("subject", f"{subject!r} has no type such as {Kind.PROGRESS}")
    return Kind(word), title


def _string(front: dict[str, Any], key: str, *, may_lack: bool = False) -> str:
    value = front.get(key)
    if value is None and may_lack:
        return ""
    if not isinstance(value, str):
        raise BadMessage(key, "it is missing" if value is None else "it is no text")
    return value


def _filled(front: dict[str, Any], key: str) -> str:
    if not (value := _string(front, key)):
        raise BadMessage(key, "it is empty")
    return value


def _names(front: dict[str, Any], key: str) -> tuple[str, ...]:
    value = front.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise BadMessage(key, "it is no list of names")
    return tuple(value)


def _moment(front: dict[str, Any]) -> float:
    try:
        return read_moment(_string(front, "created"))
    except ValueError as error:
        raise BadMessage("created", str(error)) from error


def _importance(front: dict[str, Any]) -> Importance:
    value = front.get("importance", Importance.NORMAL)
    if value not in Importance._value2member_map_:
        raise BadMessage("importance", f"{value!r} is none of {', '.join(Importance)}")
    return Importance(value)


def _flag(front: dict[str, Any], key: str) -> bool:
    value = front.get(key, False)
    if not isinstance(value, bool):
        raise BadMessage(key, "it is neither true nor false")
    return value
