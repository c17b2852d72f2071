"""Mail, as `swarm mail` shows it. It is foreign text: nothing in it may steer the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from swarmskill.mail.mailbox import Received
from swarmskill.mail.moment import moment_text
from swarmskill.views.marks import safe, safe_lines


def letter_document(one: Received) -> dict[str, Any]:
    """A message as JSON, with how it was dealt with."""
    message = one.message
    return {
        "id": message.id,
        "thread": message.thread,
        "type": str(message.kind),
        "title": message.title,
        "from": message.sender,
        "to": list(message.to),
        "created": message.created,
        "importance": str(message.importance),
        "ack_required": message.ack_required,
        "seen": one.seen,
        "acked": one.acked,
        "reply_to": message.reply_to,
        "body": asdict(message.body),
        "text": message.text,
        "problems": list(one.problems),
    }


def letter_line(one: Received) -> str:
    """A message in a list: `!` wants an answer, `*` is unread."""
    message = one.message
    mark = "!" if message.ack_required and not one.acked else " " if one.seen else "*"
    first = next((line for line in message.text.split("\n") if line and not line.startswith(("#", "Bead:"))), "")
    return safe(f"{mark} {message.id}  {message.sender}  {message.subject}  {first[:60]}").rstrip()


def letter_page(one: Received) -> str:
    """A whole message."""
    message = one.message
    head = [
        f"id:      {message.id}",
        f"from:    {message.sender}",
        f"to:      {', '.join(message.to)}",
        f"subject: {message.subject}",
        f"created: {moment_text(message.created)}",
    ]
    if message.ack_required and not one.acked:
        head.append(f"it wants an answer: swarm mail reply {message.id} TEXT")
    return "\n".join([*map(safe, head), "", *safe_lines(message.text)])
