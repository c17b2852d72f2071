"""Task files: a JSON or YAML list of tasks. `references/task-file.md` is the page for its writers.

The file is read in five steps: bytes to a tree (`document`), each task's fields (`fields`,
`manifests`, `contract`), ids and edges (`edges`), cycles, and then the tasks. What is wrong is
collected over each step, so that a user mends a file in few rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, cast

from swarmskill.model import DEFAULT_PRIORITY, Check, Requirements, Task, TaskList
from swarmskill.records import dataclass
from swarmskill.sources import contract, fields
from swarmskill.sources.document import read_document
from swarmskill.sources.edges import Node, check_cycles, check_ids, link
from swarmskill.sources.findings import Findings, found, kind, pointer, show
from swarmskill.sources.keys import Entry, Keys, match_keys, nearest
from swarmskill.sources.manifests import decode_files

Decoder = Callable[[Any, str, Findings], Any]

_OWN: Mapping[str, Decoder] = {
    "id": fields.decode_id,
    "subject": fields.decode_line,
    "blocked_by": fields.decode_ids,
    "blocks": fields.decode_ids,
    "status": fields.decode_status,
}
"""Keys that belong to one task, and so cannot be among the defaults."""

_SHARED: Mapping[str, Decoder] = {
    "description": fields.decode_text,
    "active_form": fields.decode_text,
    "priority": fields.decode_priority,
    "owner": fields.decode_text,
    "files": decode_files,
    "validation": contract.decode_validation,
    "run": fields.decode_argv,
    "agent": fields.decode_text,
    "model": fields.decode_text,
    "timeout": fields.decode_timeout,
    "estimate": fields.decode_duration,
    "max_retries": fields.decode_max_retries,
    "retry_delay": fields.decode_duration,
    "on_failure": fields.decode_on_failure,
    "max_cost": fields.decode_max_cost,
    "max_tokens": fields.decode_max_tokens,
    "max_memory": fields.decode_max_memory,
    "allow_empty": fields.decode_flag,
    "requires": fields.decode_requires,
    "metadata": fields.decode_object,
}

TASK_KEYS = (*_OWN, *_SHARED)
"""Every key of a task, in snake_case; camelCase is taken as well."""

LIST_KEYS = ("tasks", "defaults", "cross_cutting")
"""The keys of a file that is an object."""

_ALIASES = {"addBlockedBy": "blocked_by", "addBlocks": "blocks"}
"""As assistants' own task tools spell it."""

_FOREIGN = {
    "title": "subject",
    "name": "subject",
    "prompt": "description",
    "depends_on": "blockedBy",
    "dependsOn": "blockedBy",
    "dependencies": "blockedBy",
    "needs": "blockedBy",
    "after": "blockedBy",
    "command": "run",
}
"""What other tools call it: too far off for a spelling match, too costly to miss in silence."""

_IN_METADATA = ("files", "validation")
"""Keys that the reference skill has under `metadata`."""

_MERGED = ("validation", "metadata")


@dataclass(slots=True)
class _Draft:
    """A task as far as it was read: decoded values by key and, where they can be needed, places."""

    place: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


def load_tasks(path: str, *, repo_top: Path | None = None) -> TaskList:
    """Read a task file; "-" is standard input.

    `repo_top` is the top folder of the repository that the tasks are for: with it, paths that leave
    the repository through a symbolic link are refused as well. Raises InputError, whose message
    names every problem (up to ten) with its place and fix.
    """
    document = read_document(path)
    findings = Findings(document.source, repo_top)
    entries, place, top = _open(document.root, findings)
    findings.refuse()
    defaults = _read_defaults(top.get("defaults"), findings)
    cross_cutting: tuple[Check, ...] = ()
    if "cross_cutting" in top:
        entry = top["cross_cutting"]
        cross_cutting = contract.decode_cross_cutting(entry.value, entry.place, findings)
    drafts = [_read_task(entry, pointer(place, index), findings) for index, entry in enumerate(entries)]
    blockers = _read_edges(drafts, findings)
    findings.refuse()
    tasks = tuple(_make_task(draft, defaults, blockers[draft.values["id"]]) for draft in drafts)
    return TaskList(tasks, cross_cutting, findings.warnings, document.source)


def _open(root: Any, findings: Findings) -> tuple[list[Any], str, dict[str, Entry]]:
    """The raw tasks, the place of their list, and the other keys of a file that is an object."""
    if isinstance(root, list):
        return _refuse_empty(root, "", findings), "", {}
    if not isinstance(root, dict):
        findings.problem("", f"wants a list of tasks, found {found(root)}", 'write [{"id": 1, "subject": "..."}]')
        return [], "", {}
    keys = match_keys(root, LIST_KEYS, "", findings)
    for key, at in keys.unknown:
        findings.warn(at, f"{show(key)} is not a known key here and is ignored{nearest(key, LIST_KEYS)}")
    tasks = keys.given.get("tasks")
    if tasks is None:
        findings.problem("", *_no_tasks(root, findings.source))
    elif not isinstance(tasks.value, list):
        findings.problem(tasks.place, f"wants a list of tasks, found {kind(tasks.value)}", 'write "tasks": [ ... ]')
    else:
        return _refuse_empty(tasks.value, tasks.place, findings), tasks.place, keys.given
    return [], "", {}


def _no_tasks(root: Mapping[str, Any], source: str) -> tuple[str, str]:
    """Problem and fix for an object without tasks; some other files are known by their keys."""
    if "wave" in root:
        return "is a wave file, not a task file", f"swarm run --from-wave {source}"
    if "subject" in root:
        return "is a single task, not a list", "put [ and ] around it"
    return 'has no "tasks"', 'write {"tasks": [{"id": 1, "subject": "..."}]}'


def _refuse_empty(tasks: list[Any], place: str, findings: Findings) -> list[Any]:
    if not tasks:
        findings.problem(place, "the list has no tasks", 'add one: {"id": 1, "subject": "..."}')
    return tasks


def _read_defaults(entry: Entry | None, findings: Findings) -> Mapping[str, Any]:
    if entry is None:
        return {}
    if not isinstance(entry.value, dict):
        findings.problem(entry.place, f"wants an object, found {found(entry.value)}", 'write "defaults": { ... }')
        return {}
    draft = _read_fields(entry.value, entry.place, findings)
    for key in _OWN:
        if key in draft.places:
            findings.problem(draft.places[key], f"{show(key)} belongs to one task", "move it into the task")
    return draft.values


def _read_task(value: Any, place: str, findings: Findings) -> _Draft:
    if not isinstance(value, dict):
        findings.problem(place, f"wants a task, found {found(value)}", 'write {"id": 1, "subject": "..."}')
        return _Draft(place)
    draft = _read_fields(value, place, findings)
    for key, example in (("id", '"id": 1'), ("subject", '"subject": "what is to be done"')):
        if key not in draft.places:
            other = next((name for name, ours in _FOREIGN.items() if ours == key and name in value), None)
            fix = f"rename {show(other)} to {show(key)}" if other else f"add {example}"
            findings.problem(place, f"the task has no {key}", fix)
    return draft


def _read_fields(value: dict[str, Any], place: str, findings: Findings) -> _Draft:
    """Decode all known keys of a task or of the defaults; the others go to the metadata."""
    keys = match_keys(value, TASK_KEYS, place, findings, _ALIASES)
    given = _with_metadata(keys, findings)
    draft = _Draft(place, places={name: entry.place for name, entry in given.items()})
    for name, entry in given.items():
        decode = _OWN.get(name) or _SHARED[name]
        decoded = decode(entry.value, entry.place, findings)
        if decoded is not None:
            draft.values[name] = decoded
    if keys.unknown:
        draft.values["metadata"] = _keep_unknown(value, keys, draft.values.get("metadata", {}), findings)
    return draft


def _with_metadata(keys: Keys, findings: Findings) -> dict[str, Entry]:
    """The given keys with those that may stand in the metadata as well."""
    metadata = keys.given.get("metadata")
    if metadata is None or not isinstance(metadata.value, dict):
        return keys.given
    given = dict(keys.given)
    inner = match_keys(metadata.value, _IN_METADATA, metadata.place, findings)
    for name, entry in inner.given.items():
        first = given.setdefault(name, entry)
        if first is not entry and first.value != entry.value:
            findings.problem(entry.place, f"differs from {first.place}", "keep one of them")
    return given


def _keep_unknown(
    value: Mapping[str, Any], keys: Keys, metadata: Mapping[str, Any], findings: Findings
) -> dict[str, Any]:
    kept = dict(metadata)
    for key, at in keys.unknown:
        ours = _FOREIGN.get(key)
        near = f"; did you mean {show(ours)}?" if ours else nearest(key, TASK_KEYS)
        findings.warn(at, f"{show(key)} is not a known key; kept in the metadata{near}")
        kept.setdefault(key, value[key])
    return kept


def _read_edges(drafts: Sequence[_Draft], findings: Findings) -> Mapping[str, tuple[str, ...]]:
    """Every task's blockers, from `blockedBy` and `blocks` of all tasks."""
    nodes = [
        Node(draft.values["id"], draft.places["id"], draft.values.get("blocked_by", ()), draft.values.get("blocks", ()))
        for draft in drafts
        if "id" in draft.values
    ]
    by_id = check_ids(nodes, findings)
    if len(nodes) < len(drafts):
        return {}  # An id that could not be read would be told again at every task that names it.
    link(nodes, by_id, findings)
    if not findings.found:
        check_cycles(by_id, findings)
    return {node.task_id: tuple(node.blockers) for node in nodes}


def _make_task(draft: _Draft, defaults: Mapping[str, Any], blockers: tuple[str, ...]) -> Task:
    values = {**defaults, **draft.values}
    for key in _MERGED:
        values[key] = {**defaults.get(key, {}), **draft.values.get(key, {})}
    return Task(
        id=values["id"],
        subject=values["subject"],
        description=values.get("description", ""),
        active_form=values.get("active_form", ""),
        blocked_by=blockers,
        priority=values.get("priority", DEFAULT_PRIORITY),
        done=values.get("status", False),
        owner=values.get("owner", ""),
        files=values.get("files", ()),
        checks=contract.flatten(cast("contract.Checks", values["validation"])),
        run=values.get("run", ()),
        agent=values.get("agent", ""),
        model=values.get("model", ""),
        timeout=values.get("timeout"),
        estimate=values.get("estimate"),
        max_retries=values.get("max_retries"),
        retry_delay=values.get("retry_delay"),
        on_failure=values.get("on_failure"),
        max_cost=values.get("max_cost"),
        max_tokens=values.get("max_tokens"),
        max_memory=values.get("max_memory"),
        allow_empty=values.get("allow_empty", False),
        requires=values.get("requires", Requirements()),
        metadata=values["metadata"],
    )
