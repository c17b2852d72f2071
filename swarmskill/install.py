"""Installing the skill: copies it to where assistants look, knows its own files again, and removes just those.

Beside the copy stands a manifest with the hash of each file that was written. A file that is neither
what we wrote nor what we want to write was changed by somebody, or is somebody else's: its place is
left alone as a whole, so that no skill is half of one version, unless it is forced. Other places are done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from swarmskill import __version__
from swarmskill.codec import dump_json, load_json
from swarmskill.errors import Refused
from swarmskill.resources import skills_folder
from swarmskill.writing import replace_file

SKILL = "swarm"
MANIFEST = ".swarm-install.json"

_DESCRIPTION = (
    "Run a task list with dependencies: one fresh agent and git worktree per task, checked before it is committed"
)

_PLUGIN = {
    "name": SKILL,
    "version": __version__,
    "description": _DESCRIPTION,
    "author": {"name": "The swarmskill founders"},
    "license": "MIT",
    "skills": ["./"],
    "agents": ["./agents/worker.md"],
}
"""Makes the skill's folder a plugin of Claude Code, so that it loads the agent `swarm:worker`, too."""

_HOOK = [{"hooks": [{"type": "command", "command": "swarm hook", "timeout": 600}]}]
_HOOKS = {"SubagentStop": _HOOK, "TaskCompleted": _HOOK}
"""Of that plugin, where they are wanted; the time limit, in seconds, leaves room for a task's checks."""

_GEMINI_COMMAND = ".gemini/commands/swarm.toml"
_GEMINI = f'''description = "{_DESCRIPTION}"
prompt = """
Activate the skill `{SKILL}` and follow it. Arguments: {{{{args}}}}
"""
'''
"""Gemini CLI lets its model choose skills; the command lets the user."""


class Assistant(StrEnum):
    """A program that reads skills."""

    CLAUDE = "claude"
    CODEX = "codex"
    OPENCODE = "opencode"
    GEMINI = "gemini"
    QWEN = "qwen"


class Action(StrEnum):
    """What becomes of one file."""

    WRITE = "write"
    """It is not there."""
    UPDATE = "update"
    """We wrote it, and it is out of date."""
    KEEP = "keep"
    """It is as it shall be."""
    REMOVE = "remove"
    """We wrote it, and it is not wanted any more."""
    CHANGED = "changed"
    """It is not as we wrote it: ask before it is overwritten or removed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder from which some assistants read skills. All files of ours are below `base`."""

    base: Path
    skill: str
    readers: frozenset[Assistant]

    @property
    def folder(self) -> Path:
        """The skill's folder."""
        return self.base / self.skill

    @property
    def manifest(self) -> Path:
        """Tells what was written."""
        return self.folder / MANIFEST

    def may_hold(self, name: str) -> bool:
        """Whether a file of that name below `base` can be ours: manifests may come out of a foreign repository."""
        inside = name.startswith(f"{self.skill}/") and ".." not in name.split("/")
        return inside or (name == _GEMINI_COMMAND and Assistant.GEMINI in self.readers)


@dataclass(frozen=True, slots=True)
class Written:
    """A manifest: what was installed for whom. `files` holds the SHA-256 of each file by its name below the base."""

    version: str
    assistants: frozenset[Assistant]
    files: Mapping[str, str]
    hooks: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One file and what is to become of it; `data` is what shall be in it, None if nothing."""

    name: str
    action: Action
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be done at one place, and for whom the skill is there afterwards."""

    place: Place
    version: str
    assistants: frozenset[Assistant]
    steps: tuple[Step, ...]
    hooks: bool = False

    def paths(self, action: Action) -> list[Path]:
        """The files to which this happens."""
        return [self.place.base / step.name for step in self.steps if step.action is action]


@dataclass(frozen=True, slots=True)
class Found:
    """A copy of the skill at a place; `version` is "" if it tells none, `ours` if a manifest is beside it."""

    place: Place
    version: str
    ours: bool
    changed: tuple[Path, ...]

    @property
    def outdated(self) -> bool:
        """Whether its commands may not be those of this version of swarm."""
        return self.version != __version__


def places(base: Path, claude: Path | None = None) -> tuple[Place, ...]:
    """Where assistants look below `base`: a home folder or the top of a checkout.

    `claude` is Claude Code's own folder where it is not `.claude` in there.
    """
    others = frozenset(Assistant) - {Assistant.CLAUDE}
    return (
        Place(claude or base / ".claude", f"skills/{SKILL}", frozenset({Assistant.CLAUDE})),
        Place(base, f".agents/skills/{SKILL}", others),
    )


def plan_install(place: Place, wanted: Collection[Assistant], *, hooks: bool | None = None) -> Plan:
    """What it takes to have this version of the skill there, for those who have it already and `wanted`.

    With `hooks` Claude Code asks swarm when a worker ends or a task is ticked; None leaves that as it was.
    """
    before = _read_manifest(place)
    assistants = before.assistants | (place.readers & frozenset(wanted))
    hooked = Assistant.CLAUDE in assistants and (before.hooks if hooks is None else hooks)
    files = dict(_contents(place, assistants, hooks=hooked))
    names = [*files, *(name for name in before.files if name not in files)]
    steps = (_step(place, name, files.get(name), before) for name in names)
    return Plan(place, __version__, assistants, tuple(step for step in steps if step), hooked)


def plan_uninstall(place: Place, unwanted: Collection[Assistant]) -> Plan:
    """What it takes to have the skill there no longer for `unwanted`. No steps: it is there for nobody of them."""
    before = _read_manifest(place)
    left = before.assistants - frozenset(unwanted)
    keeps_command = Assistant.GEMINI in left
    gone = [name for name in before.files if not left or (name == _GEMINI_COMMAND and not keeps_command)]
    steps = (_step(place, name, None, before) for name in gone)
    return Plan(place, before.version, left, tuple(step for step in steps if step), before.hooks)


def perform(plans: Collection[Plan]) -> None:
    """Carry the plans out, each file whole; `obstacle` tells first which must not be. Raises Refused."""
    for plan in plans:
        try:
            _perform(plan)
        except OSError as error:
            raise Refused(f"cannot write {error.filename}: {error.strerror}", hint="check the rights") from error


def obstacle(plan: Plan, *, force: bool) -> tuple[str, str] | None:
    """Why the place must be left alone, as the plan would overwrite or remove what is not ours, and what helps."""
    if plan.place.folder.is_symlink():
        link = plan.place.folder
        return f"{link} is a symbolic link: something else installed the skill", f"rm {link}"
    changed = ", ".join(map(str, plan.paths(Action.CHANGED)))
    if changed and not force:
        return f"not as swarm wrote them: {changed}", f"keep what you need of {changed}, then use --force"
    return None


def find_installed(place: Place) -> Found | None:
    """The copy of the skill that is there, whoever brought it; None if there is none."""
    try:
        text = (place.folder / "SKILL.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    told = re.search(r'^metadata:\n(?:[ \t].*\n)*?[ \t]+version:[ \t]*"?([^"\s]+)', text, re.MULTILINE)
    before = _read_manifest(place)
    steps = [_step(place, name, None, before) for name in before.files]
    changed = tuple(place.base / step.name for step in steps if step and step.action is Action.CHANGED)
    return Found(place, told[1] if told else "", bool(before.assistants), changed)


def _contents(place: Place, assistants: Collection[Assistant], *, hooks: bool) -> Iterator[tuple[str, bytes]]:
    """The files that shall be there, by their names below the base."""
    source = skills_folder() / SKILL
    for path in sorted(source.rglob("*")):
        if path.is_file():
            yield f"{place.skill}/{path.relative_to(source).as_posix()}", path.read_bytes()
    if Assistant.CLAUDE in assistants:
        plugin = _PLUGIN | ({"hooks": _HOOKS} if hooks else {})
        yield f"{place.skill}/.claude-plugin/plugin.json", f"{dump_json(plugin)}\n".encode()
    if Assistant.GEMINI in assistants:
        yield _GEMINI_COMMAND, _GEMINI.encode()


def _step(place: Place, name: str, wanted: bytes | None, before: Written) -> Step | None:
    """What is to become of a file; None if it is not there, nor wanted."""
    path = place.base / name
    try:
        current = path.read_bytes()
    except FileNotFoundError:
        return Step(name, Action.WRITE, wanted) if wanted is not None else None
    except OSError:
        return Step(name, Action.CHANGED, wanted)  # a folder, or not ours to read
    if current == wanted:
        return Step(name, Action.KEEP, wanted)
    if _digest(current) != before.files.get(name):
        return Step(name, Action.CHANGED, wanted)
    return Step(name, Action.REMOVE if wanted is None else Action.UPDATE, wanted)


def _perform(plan: Plan) -> None:
    place = plan.place
    before = _read_manifest(place)
    for step in plan.steps:
        path = place.base / step.name
        if step.data is None:
            path.unlink(missing_ok=True)
        elif step.action is not Action.KEEP:
            replace_file(path, step.data)
    # Last: after a crash the files that were written are found to be as they shall be.
    if plan.assistants:
        _write_manifest(plan)
    elif before.assistants:
        place.manifest.unlink()
    for name in before.files:
        _remove_empty((place.base / name).parent, place.base)


def _remove_empty(folder: Path, base: Path) -> None:
    """Remove the folder and those above it, up to the base, as far as they are empty."""
    with suppress(OSError):
        while folder != base:
            folder.rmdir()
            folder = folder.parent


def _write_manifest(plan: Plan) -> None:
    before = _read_manifest(plan.place).files
    kept = {name: digest for name, digest in before.items() if (plan.place.base / name).exists()}
    for step in plan.steps:
        kept.pop(step.name, None)
        if step.data is not None:
            kept[step.name] = _digest(step.data)
    document = {
        "schema_version": 1,
        "version": plan.version,
        "assistants": sorted(plan.assistants),
        **({"hooks": True} if plan.hooks else {}),
        "files": dict(sorted(kept.items())),
    }
    data = f"{dump_json(document)}\n".encode()
    if not plan.place.manifest.exists() or plan.place.manifest.read_bytes() != data:
        replace_file(plan.place.manifest, data)


def _read_manifest(place: Place) -> Written:
    """What was written; nothing if there is no manifest that can be read."""
    try:
        document: Any = load_json(place.manifest.read_bytes())
        files = {str(name): str(digest) for name, digest in document["files"].items() if place.may_hold(str(name))}
        known = {str(assistant) for assistant in place.readers}
        assistants = frozenset(Assistant(name) for name in document["assistants"] if name in known)
        return Written(str(document["version"]), assistants, files, hooks=document.get("hooks") is True)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Written("", frozenset(), {})


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
