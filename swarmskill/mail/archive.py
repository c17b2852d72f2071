"""Mail in and out of MCP Agent Mail's archive: `agents/<Name>/{inbox,outbox}/YYYY/MM/<id>.md`, and `messages/`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swarmskill.errors import InputError
from swarmskill.mail.foreign import parse_foreign
from swarmskill.mail.layout import BadMessage
from swarmskill.mail.mailbox import decode
from swarmskill.mail.message import SAFE_ID, Message, parse, render
from swarmskill.mail.moment import month_of
from swarmskill.mail.spool import Spool
from swarmskill.records import dataclass
from swarmskill.writing import replace_file


@dataclass(frozen=True, slots=True)
class Imported:
    """A message of an archive, and what was wrong with it."""

    message: Message
    problems: tuple[str, ...]


def export_mail(mail_folder: Path, target: Path, project: str) -> int:
    """Write all mail that a run delivered as an archive below `target`; returns how many messages there were.

    Exporting twice gives the same files. `project` is the repository's path, which goes into each. Raises InputError
    where the archive cannot be written.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        return _write(mail_folder, target, project)
    except FileExistsError:
        problem = "Not a directory"
    except OSError as error:
        problem = error.strerror or str(error)
    raise InputError(f"cannot be written: {problem}", source=str(target), hint="name a folder that you may write in")


def _write(mail_folder: Path, target: Path, project: str) -> int:
    paths = Spool(mail_folder).archived()
    for path in paths:
        message, _ = decode(path.read_bytes())
        text = render(message, project).encode("utf-8", "backslashreplace")
        year, month = month_of(message.created)
        places = [("messages",), ("agents", message.sender, "outbox")]
        places += [("agents", _folder_name(name), "inbox") for name in message.to]
        for place in places:
            replace_file(target.joinpath(*place, year, month, f"{message.id}.md"), text)
    return len(paths)


def import_mail(archive: Path) -> Iterator[Imported]:
    """Every message of an archive, once, by time and id. Raises InputError if the folder is no archive."""
    if not (archive / "agents").is_dir():
        raise InputError("it has no folder agents/", source=str(archive), hint="name the folder of one project")
    found: dict[str, Imported] = {}
    for path in sorted(archive.glob("agents/*/*/*/*/*.md")):
        box, owner = path.parents[2].name, path.parents[3].name
        text = path.read_bytes().decode("utf-8", "replace")
        one = _read(text, {"id": path.stem, **({"from": owner} if box == "outbox" else {"to": [owner]})})
        found.setdefault(one.message.id, one)
    yield from sorted(found.values(), key=lambda one: (one.message.created, one.message.id))


def _read(text: str, told: dict[str, Any]) -> Imported:
    try:
        return Imported(parse(text), ())
    except BadMessage:
        message, problems = parse_foreign(text, told)
        return Imported(message, tuple(problems))


def _folder_name(name: str) -> str:
    """A folder for a recipient, whose address may be any task's id."""
    return name if SAFE_ID.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:16]
