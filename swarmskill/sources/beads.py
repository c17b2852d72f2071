"""Beads: what `bd ready` says is ready, or issues by their ids, in every shape that `bd` has printed them.

Old versions print a list, new ones may put it in an envelope, and `bd show` prints a list of one or the object
itself. Epics are listed among the rest, but nobody can work on one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from swarmskill.bd import issues_in
from swarmskill.errors import InputError, UsageError
from swarmskill.model import DEFAULT_PRIORITY, Task, TaskList
from swarmskill.sources import fields
from swarmskill.sources.base import Edge, Loaded
from swarmskill.sources.edges import Node, check_cycles, check_ids, link
from swarmskill.sources.findings import Findings, found, pointer
from swarmskill.sources.manifests import decode_files

_ALL: Final = "10000"
"""The limit that we ask for: without one, `bd ready` tells 10 issues in old versions and 100 in new ones."""

_NOT_WORK: Final = frozenset({"epic", "merge-request", "gate", "molecule", "message", "agent", "role", "rig"})
_BLOCKING: Final = frozenset({"blocks", "conditional-blocks", "waits-for"})
_DONE: Final = frozenset({"closed", "tombstone"})
_OPTIONS: Final = {"epic": "--parent", "label": "--label", "type": "--type"}
_READY: Final = "bd ready"


class Beads:
    """The tracker that keeps its issues in the repository."""

    name = "beads"
    where = "epic=ID"

    def load(self, where: str, edge: Edge) -> Loaded:
        """Ask `bd ready`, for all or for `epic=ID`, `label=NAME`, `type=NAME`, with commas between."""
        command = ["bd", "ready", "--json", "-n", _ALL, *_options(where)]
        issues = issues_of(edge.run(command), " ".join(command[:2]))
        tasks = parse(issues, _READY)
        if not tasks.tasks:
            hint = "see what waits: bd list, bd blocked" if not issues else "name its children: --from beads:epic=ID"
            raise InputError("nothing is ready" + (", but epics" if issues else ""), source=_READY, hint=hint)
        return _loaded(tasks)

    def recognises(self, path: str, text: str) -> bool:
        """Never: it is no file."""
        return False


SOURCE = Beads()


def load_beads(ids: Sequence[str], edge: Edge) -> Loaded:
    """Just these issues, by `bd show`, with the edges among them. Raises InputError, UsageError, Refused."""
    if not ids:
        raise UsageError("no bead is named", hint="name some: --bead-ids bd-1,bd-3")
    issues = []
    for bead in dict.fromkeys(ids):
        if bead.startswith("-"):
            raise UsageError(f"{bead!r} is no bead's id", hint="name some: --bead-ids bd-1,bd-3")
        shown = issues_of(edge.run(["bd", "show", bead, "--json"]), f"bd show {bead}")
        if not shown:
            raise InputError("tells of no such issue", source=f"bd show {bead}", hint="see what there is: bd list")
        issues.append(shown[0])
    tasks = parse(issues, "bd show", chosen=True)
    return _loaded(tasks)


def issues_of(text: str, command: str) -> list[dict[str, Any]]:
    """The issues in what a `bd` command printed: a list, one object, or either in an envelope. Raises InputError."""
    try:
        value = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError):
        raise InputError(
            "did not print JSON", source=command, hint=f"look yourself: {command} --json; is bd the program of Beads?"
        ) from None
    listed = issues_in(value)
    if listed is None:
        raise InputError(f"printed no issues, but {found(value)}", source=command, hint="update bd, and try again")
    return listed


def parse(issues: Sequence[Mapping[str, Any]], name: str, *, chosen: bool = False) -> TaskList:
    """Issues as tasks. Raises InputError.

    With `chosen` all were asked for by id: what they wait for must be chosen or closed, and an epic among them
    is refused rather than left out.
    """
    findings = Findings(name, None, again="swarm plan --from beads")
    work = [issue for issue in issues if issue.get("issue_type") not in _NOT_WORK]
    for issue in issues:
        if issue.get("issue_type") not in _NOT_WORK:
            continue
        kind = issue["issue_type"]
        if chosen:
            findings.problem(
                issue["id"], f"is of the type {kind}: nobody can work on it", "name its children: bd children"
            )
        else:
            findings.warn(issue["id"], f"is left out: it is of the type {kind}")
    ids = {issue["id"] for issue in work}
    nodes = [Node(issue["id"], issue["id"], _blockers(issue, ids, findings, chosen=chosen)) for issue in work]
    by_id = check_ids(nodes, findings)
    if not findings.found:
        link(nodes, by_id, findings)
        if not findings.found:
            check_cycles(by_id, findings)
    tasks = tuple(_make_task(issue, tuple(node.blockers), findings) for issue, node in zip(work, nodes, strict=True))
    findings.refuse()
    return TaskList(tasks, (), findings.warnings, name)


def _loaded(tasks: TaskList) -> Loaded:
    return Loaded(tasks, "beads", shared=True)


def _options(where: str) -> list[str]:
    words: list[str] = []
    for part in where.split(",") if where else ():
        key, _, value = part.strip().partition("=")
        if key not in _OPTIONS or not value:
            raise UsageError(
                f"beads cannot be asked for {part.strip()!r}", hint="--from beads:epic=bd-12 (or label=, type=)"
            )
        words += [_OPTIONS[key], value]
    return words


def _blockers(issue: Mapping[str, Any], ids: set[str], findings: Findings, *, chosen: bool) -> list[tuple[str, str]]:
    """What the issue waits for, among the listed ones; an open one that is not chosen is a problem."""
    blockers = []
    for other, kind, status in _dependencies(issue):
        if kind not in _BLOCKING or status in _DONE:
            continue
        if other in ids:
            blockers.append((other, issue["id"]))
        elif chosen and issue.get("status") not in _DONE:
            findings.problem(
                issue["id"], f"waits for {other}, which is neither chosen nor closed", "choose it, too: --bead-ids"
            )
    return blockers


def _dependencies(issue: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Id, type and status ("" if it is not told) of each; details and plain lists spell them differently."""
    found_ones = []
    given = issue.get("dependencies")
    for one in given if isinstance(given, list) else ():
        if not isinstance(one, dict):
            continue
        other = one.get("depends_on_id") or one.get("id")
        kind = one.get("dependency_type") or one.get("type") or "blocks"
        if isinstance(other, str) and isinstance(kind, str):
            found_ones.append((other, kind, str(one.get("status", ""))))
    return found_ones


def _make_task(issue: Mapping[str, Any], blockers: tuple[str, ...], findings: Findings) -> Task:
    place = issue["id"]
    task_id = fields.decode_id(place, place, findings) or place
    subject = fields.decode_line(issue.get("title"), pointer(place, "title"), findings) or task_id
    metadata = issue.get("metadata") if isinstance(issue.get("metadata"), dict) else {}
    given = metadata.get("files") if metadata else None
    files = decode_files(given, pointer(place, "metadata/files"), findings) if given is not None else ()
    priority = issue.get("priority")
    return Task(
        id=task_id,
        subject=subject,
        description=_description(issue),
        blocked_by=blockers,
        priority=priority if isinstance(priority, int) and 0 <= priority <= 4 else DEFAULT_PRIORITY,
        done=issue.get("status") in _DONE,
        owner=_text(issue, "assignee"),
        files=files or (),
        metadata={**(metadata or {}), "beads_id": place, "issue_type": str(issue.get("issue_type", "task"))},
    )


def _description(issue: Mapping[str, Any]) -> str:
    parts = [_text(issue, "description")]
    for key, label in (("design", "Design"), ("acceptance_criteria", "It is done when"), ("notes", "Notes")):
        if told := _text(issue, key):
            parts.append(f"{label}: {told}")
    return "\n\n".join(part for part in parts if part)


def _text(issue: Mapping[str, Any], key: str) -> str:
    value = issue.get(key)
    return value.replace("\0", "").strip() if isinstance(value, str) else ""
