"""Wave files: what an outer tool lets run now, `{wave: [...], blocked: [...], completed: [...]}`.

Only the `wave` is run. Its tasks have no edges: whoever wrote the file knows what may run together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from swarmskill.model import Task, TaskList
from swarmskill.records import dataclass
from swarmskill.sources.document import read_document
from swarmskill.sources.findings import Findings, found, kind, pointer, show
from swarmskill.sources.manifests import decode_path

_EXAMPLE: Final = '{"id": "auth.1", "title": "...", "spec_path": "specs/auth-1.md", "priority": 1}'
_READ_SPEC: Final = (
    "Read the spec before you begin: the file {path} in your worktree, or below $SWARM_REPO if your worktree lacks it."
    " It says what is to be done, and when it is done."
)
_LISTS: Final = ("wave", "blocked", "completed")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the wave, as far as it could be read."""

    task_id: str
    title: str
    spec_path: str
    priority: int


def load_wave(path: str, *, repo_top: Path | None = None) -> TaskList:
    """Read a wave file; "-" is standard input. Tasks come in priority order.

    `repo_top` is the top folder of the repository, below which the specs are; without it they are not looked for.
    Raises InputError, whose message names every problem (up to ten) with its entry and fix.
    """
    document = read_document(path)
    findings = Findings(document.source, repo_top, again=f"swarm plan --from-wave {document.source}")
    lists = _open(document.root, findings)
    findings.refuse()
    seen: dict[str, str] = {}
    entries = [_read_entry(value, pointer("/wave", at), seen, findings) for at, value in enumerate(lists["wave"])]
    done = _read_others(lists["completed"], "/completed", seen, findings)
    blocked = _read_others(lists["blocked"], "/blocked", seen, findings)
    findings.refuse()
    ordered = sorted((entry for entry in entries if entry), key=lambda entry: entry.priority)
    tasks = [_task(entry) for entry in ordered]
    tasks += [Task(id=task_id, subject=_subject(task_id, title), done=True) for task_id, title, _ in done]
    return TaskList(
        tuple(tasks),
        warnings=findings.warnings,
        source=document.source,
        left_out=tuple(_left_out(*entry) for entry in blocked),
    )


def _open(root: Any, findings: Findings) -> dict[str, list[Any]]:
    """The three lists; the other two may be missing, `wave` must have entries."""
    lists: dict[str, list[Any]] = {name: [] for name in _LISTS}
    if not isinstance(root, dict):
        findings.problem("", f"wants an object with a wave, found {found(root)}", f'write {{"wave": [{_EXAMPLE}]}}')
        return lists
    for key in root.keys() - set(_LISTS):
        findings.warn(pointer("", key), f"{show(key)} is not a known key here and is ignored")
    for name in _LISTS:
        value = root.get(name)
        if value is None and name not in root:
            continue
        if not isinstance(value, list):
            findings.problem(pointer("", name), f"wants a list, found {found(value)}", f'write "{name}": [ ... ]')
            continue
        lists[name] = value
    if "wave" not in root:
        tasks = " (it looks like a task file: swarm run FILE)" if "tasks" in root else ""
        findings.problem("", f'has no "wave"{tasks}', f'write {{"wave": [{_EXAMPLE}]}}')
    elif root["wave"] == []:
        findings.problem("/wave", "the wave is empty: nothing is to be run", f"add an entry: {_EXAMPLE}")
    return lists


def _read_entry(value: Any, place: str, seen: dict[str, str], findings: Findings) -> _Entry | None:
    if not isinstance(value, dict):
        findings.problem(place, f"wants an entry, found {found(value)}", f"write {_EXAMPLE}")
        return None
    task_id = _read_id(value, place, seen, findings)
    title = _read_text(value, "title", place, findings)
    spec = _read_spec(value, place, findings)
    priority = _read_priority(value, place, findings)
    if task_id is None or title is None or spec is None or priority is None:
        return None
    return _Entry(task_id, title, spec, priority)


def _read_id(value: Mapping[str, Any], place: str, seen: dict[str, str], findings: Findings) -> str | None:
    task_id = _read_text(value, "id", place, findings)
    if task_id is None:
        return None
    at = pointer(place, "id")
    if task_id in seen:
        findings.problem(at, f"the id {show(task_id)} is that of {seen[task_id]}, too", "give each its own id")
        return None
    seen[task_id] = place
    if task_id.startswith("-"):
        findings.problem(at, f"the id {show(task_id)} would be read as an option", "begin it with a letter or digit")
        return None
    return task_id


def _read_text(value: Mapping[str, Any], key: str, place: str, findings: Findings) -> str | None:
    at = pointer(place, key)
    if key not in value:
        findings.problem(place, f"the entry has no {key}", f'add "{key}": "..."')
        return None
    text = value[key]
    if not isinstance(text, str):
        findings.problem(at, f"wants text, found {found(text)}", "write it in double quotes")
        return None
    if not text.strip():
        findings.problem(at, f"the {key} is empty", "say something")
        return None
    if not text.isprintable():
        findings.problem(at, f"{show(text)} holds a control character", "remove it")
        return None
    return text


def _read_spec(value: Mapping[str, Any], place: str, findings: Findings) -> str | None:
    text = _read_text(value, "spec_path", place, findings)
    if text is None:
        return None
    at = pointer(place, "spec_path")
    path = decode_path(text, at, findings)
    top = findings.repo_top
    if path is None or top is None:
        return path
    if not os.path.exists(top / text):
        findings.problem(at, f"there is no spec file {show(text)}", f"write it below {top}, or mend the path")
        return None
    if not os.path.isfile(top / text):
        findings.problem(at, f"the spec {show(text)} is no file", "name the file itself")
        return None
    return text


def _read_priority(value: Mapping[str, Any], place: str, findings: Findings) -> int | None:
    if "priority" not in value:
        findings.problem(place, "the entry has no priority", 'add "priority": 1 (lower runs first)')
        return None
    priority = value["priority"]
    if isinstance(priority, int) and not isinstance(priority, bool) and priority >= 0:
        return priority
    at = pointer(place, "priority")
    findings.problem(at, f"wants a whole number of 0 or more, found {found(priority)}", "write 1 (lower runs first)")
    return None


def _read_others(
    values: list[Any], place: str, seen: dict[str, str], findings: Findings
) -> list[tuple[str, str, list[str]]]:
    """Ids, titles and blockers of what is never run; these are for people, so little is asked of them."""
    others = []
    for index, value in enumerate(values):
        at = pointer(place, index)
        if not isinstance(value, dict):
            findings.problem(at, f"wants an entry, found {kind(value)}", 'write {"id": "...", "title": "..."}')
            continue
        task_id = _read_id(value, at, seen, findings)
        title = value.get("title")
        blockers = value.get("blocked_by", [])
        names = [name for name in blockers if isinstance(name, str)] if isinstance(blockers, list) else []
        if task_id is not None:
            others.append((task_id, title if isinstance(title, str) else "", names))
    return others


def _task(entry: _Entry) -> Task:
    return Task(
        id=entry.task_id,
        subject=_subject(entry.task_id, entry.title),
        description="\n".join(
            (
                f"OL bead: {entry.task_id}",
                f"Spec: {entry.spec_path}",
                f"Priority: {entry.priority}",
                "",
                _READ_SPEC.format(path=entry.spec_path),
            )
        ),
        priority=entry.priority,
        metadata={
            "ol_bead_id": entry.task_id,
            "ol_spec_path": entry.spec_path,
            "ol_priority": entry.priority,
        },
    )


def _subject(task_id: str, title: str) -> str:
    return f"[{task_id}] {title}".rstrip()


def _left_out(task_id: str, title: str, blockers: list[str]) -> str:
    because = f" (blocked by {', '.join(blockers)})" if blockers else ""
    return f"{_subject(task_id, title)}{because}"
