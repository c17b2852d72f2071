"""What a worker has the mayor write for it, where its sandbox lets it write nothing but its own worktree.

The errand goes by mail, as JSON in a message of type ERRAND, and its answer comes by mail, too. An errand may be done
twice, if the mayor dies between: for values and leases that makes no difference.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from swarmskill.errors import Refused, SwarmError
from swarmskill.mail.kinds import Kind, Text
from swarmskill.mail.kv import Entry, Store, VersionConflict
from swarmskill.mail.leases import Leases
from swarmskill.mail.mailbox import Mailbox
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.watch import Watch

PATIENCE: Final = 10.0
"""Seconds in which the mayor must have answered. What it reads later it leaves undone."""

_LOCK_PATIENCE: Final = 1.0
_FORBIDDEN: Final = (errno.EROFS, errno.EACCES, errno.EPERM)


def forbidden(error: OSError) -> bool:
    """Whether it says that this process may not write there, as a sandbox does."""
    return error.errno in _FORBIDDEN


def ask(mailbox: Mailbox, task: str, errand: Mapping[str, Any], *, patience: float = PATIENCE) -> dict[str, Any]:
    """Have the mayor do it, and wait for its answer. Raises Refused if it refuses, or does not answer."""
    now = time.time()
    body = Text(json.dumps({**errand, "until": now + patience}))
    sent = mailbox.send(Message(id="", thread=task, sender="", to=(MAYOR,), kind=Kind.ERRAND, body=body, created=now))
    give_up = time.monotonic() + patience
    with Watch() as watch:
        watch.add("inbox", mailbox.inbox.path / "new")
        while (left := give_up - time.monotonic()) > 0:
            watch.wait(left)
            for one in mailbox.received(MAYOR):
                if one.message.reply_to == sent.id:
                    mailbox.mark(one, "SA")
                    return _answered(json.loads(one.message.text))
    raise Refused(
        f"the mayor has not answered in {patience:g} seconds", hint="nobody drives this run just now; go on without"
    )


def perform(message: Message, mail_folder: Path, *, now: float) -> dict[str, Any]:
    """Do what a worker asks for, and what to answer it. Raises OSError if it cannot be written."""
    try:
        errand = json.loads(message.text)
        if errand["until"] < now:
            raise Refused("the errand came too late", hint="call again")
        return _do(errand, message, mail_folder, now)
    except SwarmError as error:
        return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return {"error": {"message": f"it is no errand: {error!r}", "hint": "swarm kv --help"}}


def _do(errand: dict[str, Any], message: Message, mail_folder: Path, now: float) -> dict[str, Any]:
    holder, task = message.sender, message.thread
    match errand["do"]:
        case "put":
            return {"entry": asdict(_put(Store(mail_folder, patience=_LOCK_PATIENCE), errand, holder))}
        case "reserve":
            granted = Leases(mail_folder).reserve(
                holder,
                task,
                [str(path) for path in errand["paths"]],
                now=now,
                ttl=float(errand["ttl"]),
                exclusive=bool(errand["exclusive"]),
                reason=str(errand["reason"]),
            )
            return asdict(granted)
        case "release":
            given_up = Leases(mail_folder).release(holder, [str(path) for path in errand["paths"]])
            return {"released": [asdict(lease) for lease in given_up]}
        case other:
            raise ValueError(other)


def _put(store: Store, errand: dict[str, Any], writer: str) -> Entry:
    key, value, expected = str(errand["key"]), str(errand["value"]), errand["expected"]
    ttl = errand["ttl"] if errand["ttl"] is None else float(errand["ttl"])
    try:
        return store.put(key, value, writer=writer, ttl=ttl, expected=None if expected is None else int(expected))
    except VersionConflict:
        there = store.get(key)
        if there and (there.writer, there.value, there.version) == (writer, value, int(expected) + 1):
            return there  # done already, by a mayor that died before it could answer
        raise


def _answered(answer: dict[str, Any]) -> dict[str, Any]:
    if error := answer.get("error"):
        refusal = VersionConflict if error.get("code") == VersionConflict.code else Refused
        raise refusal(str(error["message"]), hint=str(error["hint"]))
    return answer
