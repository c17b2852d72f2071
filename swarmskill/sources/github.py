"""GitHub issues of a milestone or with a label, read by `gh`.

"blocked by #12" and "depends on #12" in a body are edges. An issue whose task list names other issues is a tracking
issue: its items are worked on, and whoever waits for it waits for all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from swarmskill.boxes import Box, read_markdown
from swarmskill.errors import InputError, UsageError
from swarmskill.model import Task, TaskList
from swarmskill.records import dataclass
from swarmskill.sources import fields
from swarmskill.sources.base import Edge, Loaded
from swarmskill.sources.edges import Node, check_cycles, check_ids, link
from swarmskill.sources.findings import Findings, found

_FIELDS: Final = "number,title,body,state,labels,url"
_LIMIT: Final = "1000"
_WORDS: Final = "--from github:milestone=v2, or label=NAME, also with repo=OWNER/NAME behind a comma"
_WAITS = re.compile(
    r"\b(?:blocked\s+by|depends\s+on|blocked-by)\b\s*:?\s*((?:(?:,|and|&|\s)*#\d{1,9}\b)+)", re.IGNORECASE
)
_NUMBER = re.compile(r"#(\d{1,9})\b")
_REFERENCE = re.compile(r"(?:#(\d{1,9})|https://[^\s/]+/[^\s/]+/[^\s/]+/issues/(\d{1,9}))\b")


@dataclass(frozen=True, slots=True)
class _Issue:
    number: str
    values: Mapping[str, Any]
    waits: tuple[str, ...]
    items: tuple[str, ...]

    @property
    def done(self) -> bool:
        return str(self.values.get("state", "")).upper() == "CLOSED"


class GitHub:
    """Issues, as the command line of GitHub tells them."""

    name = "github"
    where = "milestone=NAME"

    def load(self, where: str, edge: Edge) -> Loaded:
        """Ask for the issues of `milestone=NAME` or with `label=NAME`, of this repository or of `repo=OWNER/NAME`."""
        chosen = _options(where)
        repo = ["-R", chosen["repo"]] if "repo" in chosen else []
        filters = [word for key in ("milestone", "label") if key in chosen for word in (f"--{key}", chosen[key])]
        command = ["gh", "issue", "list", *repo, *filters, "--state", "all", "--limit", _LIMIT, "--json", _FIELDS]
        issues = read_issues(edge.run(command))

        def state_of(number: str) -> str:
            told = json.loads(edge.run(["gh", "issue", "view", number, *repo, "--json", "number,state"]))
            return str(told["state"])

        tasks = parse(issues, f"github:{where}", {one: state_of(one) for one in sorted(outside(issues), key=int)})
        return Loaded(tasks, "github", {"repo": chosen["repo"]} if repo else {})

    def recognises(self, path: str, text: str) -> bool:
        """Never: it is no file."""
        return False


SOURCE = GitHub()


def read_issues(text: str) -> list[dict[str, Any]]:
    """The issues that `gh issue list --json` printed. Raises InputError."""
    value: Any = None
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
    if not isinstance(value, list) or not all(
        isinstance(one, dict) and isinstance(one.get("number"), int) for one in value
    ):
        hint = "update gh, or look yourself: gh issue list --json number,title"
        raise InputError(f"printed no list of issues, but {found(value)}", source="gh issue list", hint=hint)
    return value


def outside(issues: Sequence[Mapping[str, Any]]) -> set[str]:
    """The issues that open ones of the list wait for and that are not in it."""
    read = [_read(issue) for issue in issues]
    listed = {issue.number for issue in read}
    return {one for issue in read if not issue.done for one in (*issue.waits, *issue.items)} - listed


def parse(issues: Sequence[Mapping[str, Any]], name: str, others: Mapping[str, str]) -> TaskList:
    """Issues as tasks; `others` are the states of what they wait for outside of the list. Raises InputError."""
    findings = Findings(name, None, again=f"swarm plan --from {name}")
    read = {issue.number: issue for issue in sorted(map(_read, issues), key=lambda one: int(one.number))}
    open_others = {number for number, state in others.items() if state.upper() != "CLOSED"}
    work = [issue for issue in read.values() if not issue.items]
    aside = _set_aside(work, read, open_others, findings)
    work = [issue for issue in work if issue.number not in aside]
    for issue in read.values():
        if issue.items and not issue.done:
            findings.warn(f"#{issue.number}", "tracks other issues and is not worked on itself")
    nodes = [
        Node(issue.number, f"#{issue.number}", [(one, f"#{issue.number}") for one in _expanded(issue, read)])
        for issue in work
    ]
    by_id = check_ids(nodes, findings)
    link(nodes, by_id, findings)
    if not findings.found:
        check_cycles(by_id, findings)
    if not any(not issue.done for issue in work) and not findings.found:
        findings.problem("", "has no open issue that can be worked on", "see what there is: gh issue list --state all")
    tasks = tuple(_make_task(issue, tuple(node.blockers), findings) for issue, node in zip(work, nodes, strict=True))
    findings.refuse()
    return TaskList(tasks, (), findings.warnings, name)


def _options(where: str) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for part in where.split(","):
        key, _, value = part.strip().partition("=")
        if key not in ("milestone", "label", "repo") or not value or value.startswith("-"):
            raise UsageError(f"github cannot be asked for {part.strip()!r}", hint=_WORDS)
        chosen[key] = value
    if chosen.keys() == {"repo"}:
        raise UsageError("all issues of a repository are no task list", hint=_WORDS)
    return chosen


def _read(issue: Mapping[str, Any]) -> _Issue:
    body = issue.get("body") if isinstance(issue.get("body"), str) else ""
    body = body.replace("\r\n", "\n") if body else ""
    own = str(issue["number"])
    waits = [number for told in _WAITS.findall(body) for number in _NUMBER.findall(told)]
    boxes = [part.text for part in read_markdown(body) if isinstance(part, Box)]
    items = [match[1] or match[2] for text in boxes if (match := _REFERENCE.match(text))]
    return _Issue(own, issue, _unique(waits, own), _unique(items, own))


def _unique(numbers: Sequence[str], own: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(int(number)) for number in numbers if str(int(number)) != own))


def _set_aside(
    work: Sequence[_Issue], read: Mapping[str, _Issue], open_others: set[str], findings: Findings
) -> set[str]:
    """The issues that cannot be worked on, as they wait for open ones outside of the list; each is told."""
    aside: set[str] = set()
    grown = True
    while grown:
        grown = False
        for issue in work:
            waits = next(
                (one for one in _expanded(issue, read, every=True) if one in open_others or one in aside), None
            )
            if waits is None or issue.done or issue.number in aside:
                continue
            aside.add(issue.number)
            why = "which is open and not in the list" if waits in open_others else "which is left out"
            findings.warn(f"#{issue.number}", f"is left out: it waits for #{waits}, {why}")
            grown = True
    return aside


def _expanded(issue: _Issue, read: Mapping[str, _Issue], *, every: bool = False) -> Iterator[str]:
    """What the issue waits for, tracking issues replaced by what they track; `every` with those outside of the list."""
    if issue.done:
        return
    seen: set[str] = {issue.number}
    todo = list(issue.waits)
    while todo:
        number = todo.pop(0)
        if number in seen:
            continue
        seen.add(number)
        other = read.get(number)
        if other is not None and other.items:
            todo += other.items if not other.done else ()
        elif other is not None or every:
            yield number


def _make_task(issue: _Issue, blockers: tuple[str, ...], findings: Findings) -> Task:
    subject = fields.decode_line(issue.values.get("title"), f"#{issue.number}", findings) or f"#{issue.number}"
    body = issue.values.get("body")
    labels = issue.values.get("labels")
    names = [one.get("name", "") for one in labels if isinstance(one, dict)] if isinstance(labels, list) else []
    return Task(
        id=issue.number,
        subject=subject,
        description=body.replace("\0", "").replace("\r\n", "\n").strip() if isinstance(body, str) else "",
        blocked_by=blockers,
        done=issue.done,
        metadata={"url": str(issue.values.get("url", "")), "labels": names},
    )
