"""Where each field of a typed body stands in the text: lines, then sections. Pure, and driven by one table.

    Bead: 3                     a line of the head
    Status: FAILED              a fixed line, by which a person sees the type

    ## Failure                  a section with lines
    - Type: TESTS_FAIL

    ## Recommendation           a section that is one text

    Take the older parser.

A line that only looks like a heading begins with a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from swarmskill.mail.forms import BULLETS, COUNT, FLAG, LIST, PERCENT, TEXT, VERDICT, WORD, Form, choice
from swarmskill.mail.kinds import BODIES, Body, FailureKind, Issue, Kind, Pause, SpawnState, Text
from swarmskill.records import dataclass

_LINE: Final = re.compile(r"(?:- )?([A-Z][A-Za-z ]*):(?: (.*))?")
_LOOSE_LINE: Final = re.compile(r"\s*(?:[-*] +)?(?:\*\*)?([A-Za-z][A-Za-z _]*?)(?:\*\*)?:(?:\*\*)?(?:\s+(.*))?")
_HEADING: Final = re.compile(r"## (.+)")


class BadMessage(ValueError):
    """A message that cannot be read. `field` is the part that is wrong, as it is called in the text."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: a line with a label in the head or in a section, or, without a label, a whole section."""

    name: str
    form: Form
    label: str = ""
    section: str = ""
    fallback: Any = None
    """What a lenient reader takes where it is missing; None for a field that may be missing."""

    @property
    def title(self) -> str:
        return " / ".join(filter(None, (self.section, self.label)))


_ACCEPTED: Final = (_Field("title", WORD, "Title"), _Field("started_at", WORD, "Starting implementation at"))
_PROGRESS: Final = (
    _Field("step", WORD, "Step"),
    _Field("status", WORD, "Status"),
    _Field("context_usage", PERCENT, "Context usage"),
    _Field("files_touched", LIST, "Files touched"),
)
_HELP: Final = (
    _Field("issue", choice(Issue), "Issue Type", fallback=Issue.STUCK),
    _Field("problem", TEXT, section="Problem"),
    _Field("tried", TEXT, section="What I Tried"),
    _Field("files_touched", BULLETS, section="Files Touched"),
    _Field("question", TEXT, section="Question", fallback=""),
)
_OFFERING: Final = (
    _Field("commit", WORD, "Commit", "Changes"),
    _Field("files", LIST, "Files", "Changes"),
    _Field("tests", VERDICT, "Tests", "Self-Validation"),
    _Field("lint", VERDICT, "Lint", "Self-Validation"),
    _Field("build", VERDICT, "Build", "Self-Validation"),
    _Field("summary", TEXT, section="Summary"),
)
_FAILED: Final = (
    _Field("failure", choice(FailureKind), "Type", "Failure", fallback=FailureKind.ERROR),
    _Field("reason", WORD, "Reason", "Failure"),
    _Field("internal_attempts", COUNT, "Internal Attempts", "Failure"),
    _Field("commit", WORD, "Commit", "Partial Progress"),
    _Field("files", LIST, "Files", "Partial Progress"),
    _Field("recommendation", TEXT, section="Recommendation"),
)
_CHECKPOINT: Final = (
    _Field("reason", choice(Pause), "Reason", fallback=Pause.MANUAL),
    _Field("commit", WORD, "Commit", "Progress"),
    _Field("description", WORD, "Description", "Progress"),
    _Field("context_usage", PERCENT, "Context usage", "Progress"),
    _Field("next_steps", TEXT, section="Next Steps for Successor"),
)
_SPAWN_REQUEST: Final = (
    _Field("resume", FLAG, "Resume"),
    _Field("checkpoint", WORD, "Checkpoint"),
    _Field("orchestrator", WORD, "Orchestrator"),
)
_SPAWN_ACK: Final = (
    _Field("state", choice(SpawnState), "Status", fallback=SpawnState.FAILED),
    _Field("session", WORD, "Session"),
)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The fields of a type, the label before the task's id, and the fixed lines of its head."""

    fields: tuple[_Field, ...]
    task: str = "Bead"
    fixed: Mapping[str, str] = field(default_factory=dict)


_LAYOUTS: Final[dict[Kind, _Layout]] = {
    Kind.BEAD_ACCEPTED: _Layout(_ACCEPTED, "Accepted bead"),
    Kind.PROGRESS: _Layout(_PROGRESS),
    Kind.HELP_REQUEST: _Layout(_HELP),
    Kind.OFFERING_READY: _Layout(_OFFERING, fixed={"Status": "DONE"}),
    Kind.DONE: _Layout(_OFFERING, fixed={"Status": "DONE"}),
    Kind.FAILED: _Layout(_FAILED, fixed={"Status": "FAILED"}),
    Kind.CHECKPOINT: _Layout(_CHECKPOINT),
    Kind.SPAWN_REQUEST: _Layout(_SPAWN_REQUEST, "Issue"),
    Kind.SPAWN_ACK: _Layout(_SPAWN_ACK, "Issue"),
}

MAIN_FIELD: Final[dict[Kind, str]] = {
    Kind.BEAD_ACCEPTED: "title",
    Kind.PROGRESS: "status",
    Kind.HELP_REQUEST: "question",
    Kind.OFFERING_READY: "summary",
    Kind.DONE: "summary",
    Kind.FAILED: "reason",
    Kind.CHECKPOINT: "next_steps",
    Kind.SPAWN_REQUEST: "checkpoint",
    Kind.SPAWN_ACK: "session",
}
"""The field of each type that a plain text stands for."""

_TASK_LABELS: Final = ("bead", "accepted bead", "issue", "task", "bead id", "task id", "issue id")


def render_body(kind: Kind, body: Body, task: str) -> str:
    """The body as Markdown. Fields without a value are left out."""
    if isinstance(body, Text):
        return body.text
    layout = _LAYOUTS[kind]
    lines = [f"{layout.task}: {WORD.write(task)}"] if task else []
    lines += [f"{label}: {value}" for label, value in layout.fixed.items()]
    section = ""
    for one in layout.fields:
        value = getattr(body, one.name)
        if value == one.form.empty and one.fallback is None:
            continue
        if one.section != section:
            lines += ["", f"## {one.section}", ""]
            section = one.section
        lead = f"{'- ' if one.section else ''}{one.label}: " if one.label else ""
        lines.append(lead + one.form.write(value))
    return "\n".join(lines)


def compose_body(kind: Kind, given: Mapping[str, str], text: str = "") -> Body:
    """The body of a message from fields by name, as a person types them, and the text of its main field.

    Raises BadMessage for a field that the type does not have, that is missing, or that cannot be read.
    """
    if BODIES[kind] is Text:
        for name in given:
            raise BadMessage(name, f"{kind} has a text and no fields")
        return Text(text)
    fields = {one.name: one for one in _LAYOUTS[kind].fields}
    given = {name.replace("-", "_"): value for name, value in given.items()}
    if text:
        given.setdefault(MAIN_FIELD[kind], text)
    values = {}
    for name, value in given.items():
        if name not in fields:
            raise BadMessage(name, f"{kind} has no such field; it has {', '.join(fields)}")
        values[name] = _guess(fields[name], value)
    for name, one in fields.items():
        if name not in values and one.fallback is not None:
            raise BadMessage(name, f"{kind} needs it")
    return BODIES[kind](**values)


def parse_body(kind: Kind, text: str, task: str) -> Body:
    """The body of a message of that type, exactly as `render_body` writes it. Raises BadMessage."""
    if BODIES[kind] is Text:
        return Text(text)
    layout = _LAYOUTS[kind]
    parts = _Parts(text, strict=True)
    if parts.task(layout.task) not in (None, task):
        raise BadMessage(layout.task, f"{parts.task(layout.task)!r} is not the thread {task!r}")
    for label, wanted in layout.fixed.items():
        if (said := parts.take("", label)) not in (None, wanted):
            raise BadMessage(label, f"{said!r} does not go with the type {kind}")
    values = {}
    for one in layout.fields:
        raw = parts.take(one.section, one.label)
        if raw is None and one.fallback is not None:
            raise BadMessage(one.title, "it is missing")
        if raw is not None:
            values[one.name] = _read(one, raw)
    parts.refuse_rest()
    return BODIES[kind](**values)


def guess_body(kind: Kind, text: str) -> tuple[Body, str, list[str]]:
    """The body, the task that it names ("" if none) and what is wrong, of what another system wrote."""
    if BODIES[kind] is Text:
        return Text(text.strip()), "", []
    parts = _Parts(text, strict=False)
    values: dict[str, Any] = {}
    problems = []
    for one in _LAYOUTS[kind].fields:
        raw = parts.take(one.section, one.label)
        if raw is None and one.section and one.label:
            raw = parts.find(one.label)
        try:
            if raw is None and one.fallback is not None:
                raise ValueError("it is missing")
            if raw is not None:
                values[one.name] = one.form.guess(raw)
        except ValueError as error:
            problems.append(f"{one.title}: {error}")
            if one.fallback is not None:
                values[one.name] = one.fallback
    return BODIES[kind](**values), parts.task(*_TASK_LABELS) or "", problems


def _guess(one: _Field, raw: str) -> Any:
    try:
        return one.form.guess(raw)
    except ValueError as error:
        raise BadMessage(one.name, str(error)) from error


def _read(one: _Field, raw: str) -> Any:
    try:
        return one.form.read(raw)
    except ValueError as error:
        raise BadMessage(one.title, str(error)) from error


class _Parts:
    """The labelled lines of the head and of each section, and each section's text."""

    def __init__(self, text: str, *, strict: bool) -> None:
        self._strict = strict
        self._lines: dict[tuple[str, str], str] = {}
        self._texts: dict[str, str] = {}
        self._left: dict[str, None] = {}
        self._doubled: set[tuple[str, str]] = set()
        section, block = "", list[str]()
        for line in text.split("\n"):
            if heading := _HEADING.fullmatch(line if strict else line.rstrip()):
                # The blank line before a heading belongs to the heading.
                self._add(section, block[:-1] if block and not block[-1] else block)
                section, block = heading[1], []
            else:
                block.append(line)
        self._add(section, block)

    def _add(self, section: str, block: list[str]) -> None:
        name = self._key(section)
        if section and name in self._texts:
            if self._strict:
                raise BadMessage(section, "it is there twice")
            return
        block = block[1:] if block and not block[0] else block
        self._texts[name] = "\n".join(block)
        if section:
            self._left[section] = None
        for line in block:
            if match := (_LINE if self._strict else _LOOSE_LINE).fullmatch(line):
                self._add_line(section, match[1], match[2] or "")

    def _add_line(self, section: str, label: str, value: str) -> None:
        key = (self._key(section), self._key(label))
        if key not in self._lines:
            self._lines[key] = value
        else:
            self._doubled.add(key)
        if not section:
            self._left[label] = None

    def _key(self, name: str) -> str:
        return name if self._strict else " ".join(name.replace("_", " ").casefold().split())

    def task(self, *labels: str) -> str | None:
        """The task that the head names; without quotes."""
        found = (self.take("", label) for label in labels)
        return next((WORD.guess(value) for value in found if value), None)

    def take(self, section: str, label: str) -> str | None:
        """The value of a labelled line or of a whole section; None if it is not there."""
        self._left.pop(section or label, None)
        if not label:
            return self._texts.get(self._key(section))
        key = (self._key(section), self._key(label))
        if self._strict and key in self._doubled:
            raise BadMessage(label, "it is there twice")
        return self._lines.get(key)

    def find(self, label: str) -> str | None:
        """The value of a labelled line in any section."""
        wanted = self._key(label)
        return next((value for (_, name), value in self._lines.items() if name == wanted), None)

    def refuse_rest(self) -> None:
        """Raise BadMessage for a line of the head or a section that nobody took."""
        for name in self._left:
            raise BadMessage(name, "this type of message has no such field")
