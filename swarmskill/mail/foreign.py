"""Messages of other systems, read leniently: never an error, but a list of what was wrong. Pure.

What they call things differs; what a message says must not. So a type is only what stands as a whole
word at the type's place ("undone" is no DONE, "PROGRESS: the tests FAILED" is PROGRESS), a check that is
not told is not a failed one, and a label counts only at the start of a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from swarmskill.mail.kinds import Body, Kind
from swarmskill.mail.layout import BadMessage, guess_body
from swarmskill.mail.message import OPENING, Importance, Message, split_text
from swarmskill.mail.moment import read_moment

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id", "message_id"),
    "thread": ("thread_id", "thread", "task_id", "bead_id"),
    "from": ("from", "sender_name", "sender"),
    "to": ("to", "to_names", "recipients", "recipient"),
    "subject": ("subject", "type"),
    "created": ("created", "created_ts", "timestamp", "created_at"),
    "importance": ("importance", "priority"),
    "ack": ("ack_required", "requires_ack"),
    "body": ("body_md", "body", "text"),
    "reply": ("reply_to", "in_reply_to"),
}
_LATEST: Final = 253_402_300_799
"""The last second that can be written as RFC 3339."""
_ALIASES: Final = {"ACCEPTED": Kind.BEAD_ACCEPTED, "TASK_ACCEPTED": Kind.BEAD_ACCEPTED}
_TYPES: Final = {**_ALIASES, **{str(kind): kind for kind in Kind}}


def parse_foreign(text: str, defaults: Mapping[str, Any] | None = None) -> tuple[Message, list[str]]:
    """The message in any form that we know, and what is wrong with it.

    Forms: ours, MCP Agent Mail's file or JSON document, or plain text whose first line is the subject.
    `defaults` (`id`, `from`, `to`, `thread_id`, `created`) stand in for what is missing.
    """
    problems: list[str] = []
    front, body = _split(text, problems)
    known = {name: _first(front, keys) for name, keys in _KEYS.items()}
    for name, value in (defaults or {}).items():
        slot = {"thread_id": "thread"}.get(name, name)
        if known.get(slot) in (None, "", []):
            known[slot] = value
    thread, kind, title = guess_subject(_text(known["subject"]))
    if kind is None:
        problems.append("subject: it has no type")
    body_text = body if known["body"] is None else _text(known["body"])
    found, named, more = guess_body(kind or Kind.NOTE, body_text)
    problems += more
    return _message(known, _text(known["thread"]) or named or thread, (kind, title), found, problems), problems


def guess_subject(subject: str) -> tuple[str, Kind | None, str]:
    """Task, type and title of a subject: `[ol-1] DONE`, `ol-1: DONE`, `DONE`, `PROGRESS: half way`.

    The type is the first word, in capitals, behind the task; in small letters only if nothing else
    follows. Without one, all words are the title.
    """
    match = re.match(r"\s*(?:\[([^\]]+)\]|([\w.]*-[\w.-]*):)\s*(.*)", subject, re.DOTALL)
    thread, rest = ((match[1] or match[2]).strip(), match[3]) if match else ("", subject)
    rest = rest.strip()
    word = re.match(r"[A-Za-z_]+(?![\w-])", rest)
    kind = _TYPES.get(word[0]) if word else None
    if word and kind is None and word[0] == rest:
        kind = _TYPES.get(rest.upper())
    if word is None or kind is None:
        return thread, None, rest
    return thread, kind, rest[word.end() :].lstrip(" :-").strip()


def _split(text: str, problems: list[str]) -> tuple[dict[str, Any], str]:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        if text.startswith(OPENING):
            front, body = split_text(text)
            return front, body.strip("\n")
        if text.lstrip().startswith("{"):
            document = json.loads(text)
            return document if isinstance(document, dict) else {}, ""
    except (BadMessage, ValueError, RecursionError) as error:
        problems.append(str(error))
    else:
        problems.append("frontmatter: there is none")
    first, _, rest = text.lstrip().partition("\n")
    return {"subject": re.sub(r"^(?:#+ *|Subject: *)", "", first, flags=re.IGNORECASE).strip()}, rest.strip("\n")


def _first(front: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((front[key] for key in keys if front.get(key) is not None), None)


def _message(
    known: dict[str, Any], thread: str, type_: tuple[Kind | None, str], body: Body, problems: list[str]
) -> Message:
    kind, title = type_
    to = _text_list(known["to"])
    for name, value in (("id", known["id"]), ("from", known["from"]), ("to", to)):
        if value in (None, "", ()):
            problems.append(f"{name}: it is missing")
    importance = _text(known["importance"]).casefold()
    return Message(
        id=_text(known["id"]),
        thread=thread,
        sender=_text(known["from"]),
        to=to,
        kind=kind or Kind.NOTE,
        body=body,
        created=_created(known["created"], problems),
        title=title,
        importance=Importance(importance) if importance in Importance._value2member_map_ else Importance.NORMAL,
        ack_required=known["ack"] is True or _text(known["ack"]).casefold() in ("true", "1"),
        reply_to=_text(known["reply"]),
    )


def _created(value: Any, problems: list[str]) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LATEST:
        return float(value)
    try:
        return read_moment(_text(value))
    except ValueError as error:
        problems.append(f"created: {error}")
        return 0.0


def _text(value: Any) -> str:
    """Text as it is, numbers as text (the real server's ids are), anything else as nothing."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _text_list(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, (list, tuple)) else str(value).split(",") if isinstance(value, str) else []
    return tuple(filter(None, (_text(one).strip() for one in values)))
