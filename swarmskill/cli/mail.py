"""`swarm mail`: what workers and people do with their mail."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarmskill.cli.addressees import check_addressees, recall_state, task_of
from swarmskill.cli.group import make_group
from swarmskill.cli.leases import release, reserve
from swarmskill.cli.options import JsonOption, RunOption, print_json, print_text
from swarmskill.cli.seat import Seat, take_seat
from swarmskill.cli.wait import STILL_RUNNING
from swarmskill.errors import UsageError
from swarmskill.mail.kinds import ACK_REQUIRED, FROM_MAYOR, FROM_WORKER, Kind
from swarmskill.mail.message import MAYOR, Importance
from swarmskill.views.letters import letter_document, letter_line, letter_page
from swarmskill.views.marks import count, safe

if TYPE_CHECKING:
    from swarmskill.mail.mailbox import Received
    from swarmskill.mail.message import Message

_TEXT = Annotated[str, typer.Argument(metavar="[TEXT]", help="What to say; - reads standard input.")]
_ID = Annotated[str, typer.Argument(metavar="ID", help="Id of a message in the inbox, or its end.")]
_TYPE = Annotated[Kind | None, typer.Option("--type", metavar="TYPE", help="Type of the message, such as PROGRESS.")]
_FIELD = Annotated[
    list[str] | None,
    typer.Option("--field", "-f", metavar="NAME=VALUE", help="A field of the type, such as step=tests; repeatable."),
]
_THREAD = Annotated[str | None, typer.Option("--thread", metavar="TASK", help="Id of the task that it is about.")]
_KEY = Annotated[str, typer.Option("--key", help="Send only once what has this key, however often it is called.")]


def send(
    to: Annotated[
        str,
        typer.Argument(metavar="TO", help="mayor, a task's id (task:ID), or a worker (worker:NAME); commas between."),
    ],
    text: _TEXT = "",
    kind: _TYPE = None,
    field: _FIELD = None,
    thread: _THREAD = None,
    title: Annotated[str, typer.Option(help="A few words for the subject.")] = "",
    importance: Annotated[Importance, typer.Option(help="How soon it wants to be read.")] = Importance.NORMAL,
    ack: Annotated[bool | None, typer.Option("--ack/--no-ack", help="Whether it must be acknowledged.")] = None,
    key: _KEY = "",
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Send a message. A worker's type is NOTE by default, a person's GUIDANCE.

    Example: swarm mail send mayor "Which parser?" --type HELP_REQUEST --field issue=SPEC_UNCLEAR
    """
    seat = take_seat(run)
    recipients = tuple(filter(None, (one.strip() for one in to.split(","))))
    if not recipients:
        raise UsageError("the message has no recipient", hint="swarm mail send mayor TEXT")
    kind = kind or (Kind.NOTE if seat.is_worker else Kind.GUIDANCE)
    _check_type(seat, kind)
    notes = check_addressees(seat, recipients)
    about = thread if thread is not None else seat.task or _only_task(seat, recipients)
    message = _compose(kind, about, recipients, _fields(field), _said(text), title=title)
    from dataclasses import replace

    message = replace(message, importance=importance, ack_required=kind in ACK_REQUIRED if ack is None else ack)
    return _post(seat, message, key, notes, as_json=json)


def inbox(
    everything: Annotated[bool, typer.Option("--all", help="Also what was read.")] = False,
    kind: _TYPE = None,
    thread: _THREAD = None,
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """List the messages that came and were not read, in the order in which they came.

    Example: swarm mail inbox --type GUIDANCE
    """
    seat = take_seat(run)
    found = [one for one in seat.mailbox.received() if (everything or not one.seen) and _fits(one, kind, thread)]
    if json:
        print_json({"mailbox": seat.mailbox.name, "messages": [letter_document(one) for one in found]})
    else:
        print_text("\n".join(map(letter_line, found)) or "no new mail")
    return 0


def read(message_id: _ID, run: RunOption = "", json: JsonOption = False) -> int:
    """Show a message and mark it as read.

    Example: swarm mail read mayor.000002
    """
    mailbox = take_seat(run).mailbox
    found = mailbox.mark(mailbox.get(message_id))
    if json:
        print_json(letter_document(found))
    else:
        print_text(letter_page(found))
    return 0


def ack(message_id: _ID, run: RunOption = "", json: JsonOption = False) -> int:
    """Acknowledge a message: its sender need not ask again.

    Example: swarm mail ack mayor.000002
    """
    mailbox = take_seat(run).mailbox
    found = mailbox.mark(mailbox.get(message_id), "SA")
    if json:
        print_json(letter_document(found))
    else:
        print_text(f"acknowledged {found.message.id}")
    return 0


def reply(
    message_id: _ID,
    text: _TEXT = "",
    kind: _TYPE = None,
    field: _FIELD = None,
    key: _KEY = "",
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Answer a message in its thread, which acknowledges it. A HELP_REQUEST is answered by HELP_RESPONSE.

    Example: swarm mail reply 3-1.000004 "The one in lib/"
    """
    from swarmskill.mail.roster import worker_address

    seat = take_seat(run)
    original = seat.mailbox.get(message_id)
    asked = original.message
    kind = kind or _answer_to(asked.kind, seat)
    _check_type(seat, kind)
    to = asked.sender if asked.sender == MAYOR else worker_address(asked.sender, recall_state(seat).tasks)
    notes = check_addressees(seat, (to,))
    message = _compose(kind, asked.thread, (to,), _fields(field), _said(text), reply_to=asked.id)
    code = _post(seat, message, key or f"reply {asked.id} {message.text}", notes, as_json=json)
    seat.mailbox.mark(original, "SA")
    return code


def threads(run: RunOption = "", json: JsonOption = False) -> int:
    """List the threads of the mailbox: one for each task that there is mail about.

    Example: swarm mail threads --json
    """
    seat = take_seat(run)
    found: dict[str, list[Received]] = {}
    for one in seat.mailbox.received():
        found.setdefault(one.message.thread, []).append(one)
    rows = [
        {
            "thread": thread,
            "messages": len(inside),
            "unread": sum(not one.seen for one in inside),
            "waiting": sum(one.message.ack_required and not one.acked for one in inside),
            "last": letter_document(inside[-1]),
        }
        for thread, inside in found.items()
    ]
    if json:
        print_json({"mailbox": seat.mailbox.name, "threads": rows})
        return 0
    lines = [
        f"{row['thread'] or '-'}  {count(len(inside), 'message')}, {row['unread']} unread, "
        f"last: {letter_line(inside[-1])}"
        for row, inside in zip(rows, found.values(), strict=True)
    ]
    print_text("\n".join(map(safe, lines)) or "no mail")
    return 0


def wait(
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="How long at most.")] = None,
    kind: _TYPE = None,
    thread: _THREAD = None,
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Wait until there is mail that was not read, and list it. The exit code is 124 if none came in time.

    Example: swarm mail wait --type HELP_RESPONSE --timeout 120
    """
    from swarmskill.mail.watch import Watch

    seat = take_seat(run)
    until = None if timeout is None else time.monotonic() + timeout
    with Watch() as watch:
        watch.add("inbox", seat.mailbox.inbox.path / "new")
        while True:
            found = [one for one in seat.mailbox.received() if not one.seen and _fits(one, kind, thread)]
            left = None if until is None else until - time.monotonic()
            if found or (left is not None and left <= 0):
                break
            watch.wait(left)
    if json:
        print_json({"mailbox": seat.mailbox.name, "messages": [letter_document(one) for one in found]})
    else:
        print_text("\n".join(map(letter_line, found)) or "no mail came in time; go on, or call again")
    return 0 if found else STILL_RUNNING


def export(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where to write; it is made if it is not there.")],
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Write all mail of a run as an archive of MCP Agent Mail.

    Example: swarm mail export mail-archive
    """
    from pathlib import Path

    from swarmskill.mail.archive import export_mail

    seat = take_seat(run)
    # The run is in .git/swarm/runs of its repository.
    written = export_mail(seat.run.mail, Path(folder), str(seat.run.path.parents[3]))
    if json:
        print_json({"run_id": seat.run.run_id, "folder": folder, "messages": written})
    else:
        print_text(safe(f"{count(written, 'message')} in {folder}"))
    return 0


def import_(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A project's folder, with agents/ in it.")],
    thread: _THREAD = None,
    json: JsonOption = False,
) -> int:
    """Show the mail of an archive of MCP Agent Mail, and what is wrong with each message.

    Example: swarm mail import mail-archive --json
    """
    from pathlib import Path

    from swarmskill.mail.archive import import_mail
    from swarmskill.mail.box import SEEN, Stored
    from swarmskill.mail.mailbox import Received

    found = [
        Received(one.message, Stored(0, "", one.message.id, SEEN, "cur"), one.problems)
        for one in import_mail(Path(folder))
        if thread in (None, one.message.thread)
    ]
    if json:
        print_json({"folder": folder, "messages": [letter_document(one) for one in found]})
    else:
        print_text("\n".join(map(letter_line, found)) or "no mail")
    return 0


def _compose(kind: Kind, thread: str, to: tuple[str, ...], fields: dict[str, str], text: str, **more: Any) -> Message:
    from swarmskill.mail.layout import BadMessage, compose_body
    from swarmskill.mail.message import Message

    try:
        body = compose_body(kind, fields, text)
    except BadMessage as error:
        hint = f"swarm mail send TO TEXT --type {kind} --field {error.field}=VALUE"
        raise UsageError(str(error), hint=hint) from error
    return Message(id="", thread=thread, sender="", to=to, kind=kind, body=body, created=time.time(), **more)


def _post(seat: Seat, message: Message, key: str, notes: list[str], *, as_json: bool) -> int:
    sent = seat.mailbox.send(message, key)
    if as_json:
        document = {"id": sent.id, "type": str(sent.kind), "thread": sent.thread, "to": list(sent.to), "notes": notes}
        print_json(document)
        return 0
    print_text(safe(f"sent {sent.id} to {', '.join(sent.to)}: {sent.subject}"))
    for note in notes:
        print(safe(f"note: {note}"), file=sys.stderr)
    return 0


def _check_type(seat: Seat, kind: Kind) -> None:
    """Raise UsageError for what only the other side may say: the carrier could refuse it only later."""
    if kind in (FROM_MAYOR if seat.is_worker else FROM_WORKER):
        who = "the mayor" if seat.is_worker else "a task's worker"
        yours = "NOTE, HELP_REQUEST or PROGRESS" if seat.is_worker else "GUIDANCE, NUDGE or NOTE"
        raise UsageError(
            f"only {who} sends {kind}", hint=f"you may send, for one, {yours}: swarm mail send TO TEXT --type TYPE"
        )


def _only_task(seat: Seat, recipients: tuple[str, ...]) -> str:
    """What a person's mail to one recipient is about: that worker's task."""
    return "" if len(recipients) != 1 or recipients[0] == MAYOR else task_of(seat, recipients[0])


def _answer_to(kind: Kind, seat: Seat) -> Kind:
    if kind is Kind.HELP_REQUEST:
        return Kind.HELP_RESPONSE
    if kind is Kind.NUDGE:
        return Kind.PROGRESS
    return Kind.NOTE if seat.is_worker else Kind.GUIDANCE


def _fields(given: list[str] | None) -> dict[str, str]:
    found = {}
    for one in given or []:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"{one!r} is no field", hint="--field NAME=VALUE, such as --field step=tests")
        found[name] = value
    return found


def _said(text: str) -> str:
    return sys.stdin.read().rstrip("\n") if text == "-" else text


def _fits(one: Received, kind: Kind | None, thread: str | None) -> bool:
    return kind in (None, one.message.kind) and thread in (None, one.message.thread)


mail = make_group(
    """Send, read and answer mail: in a worker's worktree as that worker, elsewhere as the mayor of the newest run.

    Every verb takes --json.

    Example: swarm mail inbox
    """,
    {
        "send": (send, "Send a message"),
        "inbox": (inbox, "List what was not read"),
        "read": (read, "Show a message"),
        "ack": (ack, "Acknowledge a message"),
        "reply": (reply, "Answer a message"),
        "threads": (threads, "List the threads"),
        "wait": (wait, "Wait for mail"),
        "reserve": (reserve, "Tell which files you mean to change"),
        "release": (release, "Give reserved files up"),
        "export": (export, "Write all mail as an archive of MCP Agent Mail"),
        "import": (import_, "Show the mail of such an archive"),
    },
)
