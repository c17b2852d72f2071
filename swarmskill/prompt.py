"""What a worker is told. The words are in `skills/swarm/agents/worker.md`; this fills them in.

Everything that comes from a task list, a result or a command's output is data. It stands in a fence
that it cannot close, or on one line, so it can neither end a section nor begin one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final

from swarmskill.core.retries import CONFLICT, LOST, SPAWN
from swarmskill.errors import InternalError
from swarmskill.model import Check, CheckKind, Feedback, Task, Trouble
from swarmskill.records import dataclass
from swarmskill.resources import skills_folder

_TEMPLATES: Final = {"worker": "agents/worker.md", "worker-again": "assets/worker-again.md"}
"""Where the prompts are in the skill. What lies in `agents` is taken for an agent by Claude Code."""

_FIXES: Final = {
    CheckKind.FILES_EXIST: "Create every file that is named, where git does not ignore it.",
    CheckKind.CONTENT_CHECK: "Change the file so that the pattern (a regular expression) is found in it.",
    CheckKind.EXIT: "Your program must end with exit code 0. Find out why the one before did not.",
    CheckKind.TIMEOUT: "Take the shortest way, and run no command that may not end.",
    CheckKind.CLAIM: "Write the result file exactly as described below, and only what is true.",
    CheckKind.EMPTY: "Do the task: some file must change. If nothing has to be done, end as blocked and say why.",
    CheckKind.SCOPE: "Change only what the file manifest lists. If that is not enough, end as blocked.",
    CheckKind.MARKERS: "Leave no line of a merge conflict (`<<<<<<<`, `=======`, `>>>>>>>`) in any file.",
    CheckKind.SIZE: "Leave no large file behind; remove what a build or a download made.",
    CheckKind.SECRETS: "Take the credential out of the files; read it from the environment where it is needed.",
    CheckKind.MEMORY: "Use less memory: smaller parts, fewer processes at the same time. Its limit is the same again.",
    CheckKind.STALLED: "Say now and then what you do, and run no command that waits for input or for ever.",
    CheckKind.WORKTREE: "Leave a plain git worktree behind: no repository inside it, nothing of `.git` changed.",
    Trouble.CONTEXT_FULL: "Read what is there before you go on, and read no more of any file than you need.",
    Trouble.TURNS: "Take the shortest way to the end.",
    Trouble.DENIED: "Do it without what was not permitted. If that cannot be done, end as blocked and name it.",
    Trouble.REFUSED: "Do the task as it stands. If you cannot, end as blocked and say why.",
    Trouble.CRASHED: "Nothing is known against the work itself. Do the task as it stands.",
    SPAWN: "Nothing: the worker before was never started. Do the task as it stands.",
    LOST: "Nothing is known against the work itself. Do the task as it stands.",
}
_FIX: Final = "Make this check pass. Change the cause, not the check."

_CONFLICTED: Final = (
    "The attempt before was right by itself, but other work was merged in the meantime. "
    "Your worktree starts from that new base. These paths did not merge:"
)
_MERGE: Final = (
    "Read these files as they are now, and make the earlier changes again so that both sides stay. "
    "Drop no line that the other work added."
)

_INTERRUPTED: Final = (
    "You were interrupted, through no fault of yours. Look at what is done (`git status`, `git diff`), then go on."
)

_HANDOVER: Final = (
    "The work of the attempt before is in your worktree, as far as it came: `git status` and `git diff` show it. "
    "Take over what is good, and go on from there."
)

_LINE: Final = 300


class Again(Enum):
    """What of the attempt before the next one goes on with."""

    NOT = "nothing"
    WORKTREE = "its worktree"
    SESSION = "its worktree and its conversation"


@dataclass(frozen=True, slots=True)
class BlockerSummary:
    """What a blocker left behind: its worker's word on it, and `git diff --stat` of its commit."""

    id: str
    subject: str
    detail: str = ""
    diffstat: str = ""


def render_prompt(
    task: Task,
    *,
    run_id: str,
    attempt: int,
    worktree: Path,
    result_file: Path,
    repo: Path,
    blockers: Sequence[BlockerSummary] = (),
    feedback: Feedback | None = None,
    previous_diff: str = "",
    again: Again = Again.NOT,
    mail: bool = False,
) -> str:
    """The whole prompt for one attempt. With `mail` the worker has a mailbox, and is told how to use it.

    `feedback` tells why the attempt before was not taken. `previous_diff` is the path of a file with
    that attempt's diff, which the worker can read, or "".
    """
    if again is Again.SESSION:
        known = {
            "task_id": _line(task.id),
            "attempt": str(attempt),
            "worktree": _path(worktree),
            "result_file": _path(result_file),
            "why": _retry(task, feedback, "", again) if feedback else _INTERRUPTED,
        }
        return fill(load_template("worker-again"), known)
    values = {
        "task_id": _line(task.id),
        "subject": _line(task.subject),
        "run_id": _line(run_id),
        "attempt": str(attempt),
        "worktree": _path(worktree),
        "repo": _path(repo),
        "result_file": _path(result_file),
        "retry": _retry(task, feedback, previous_diff, again) if feedback else "",
        "task": _fence(task.description or task.subject, "text"),
        "manifest": _manifest(task),
        "blockers": "\n\n".join(map(_blocker, blockers)) or "This task waited for no other.",
        "checks": _checks(task.checks),
        "mail": _mail_page() if mail else "",
        **_forms(task, result_file),
    }
    return fill(load_template("worker"), values)


def render_summary_request(report: str) -> str:
    """What the agent is asked when a run's budget is used up; `report` is the run's report."""
    return (
        "The budget of a swarm run is used up, and its workers were stopped. Here is its report. Use no tool. "
        "Say in at most 200 words what was done, what is open, and what to do first when it goes on.\n\n"
        + _fence(report, "markdown")
        + "\n"
    )


def render_help_request(task: Task, question: str) -> str:
    """What an agent is asked when a worker asks, and no person is there."""
    return (
        "A worker of a swarm run is stuck in its task and asks. Answer it: decide, and say in a sentence why. Use no "
        "tool, and at most 200 words. If only a person can decide, say so and name what can be done without.\n\n"
        f"Its task, {task.id}:\n\n{_fence(task.description or task.subject, 'text')}\n\n"
        f"It asks:\n\n{_fence(question, 'text')}\n"
    )


@cache
def _mail_page() -> str:
    text = (skills_folder() / "swarm" / "references" / "agent-mail.md").read_text(encoding="utf-8")
    return re.sub(r"\A# ", "## ", text).strip()


@cache
def load_template(name: str) -> str:
    """A prompt with its placeholders, without the front matter and the comment for sub-agents.

    Raises InternalError if the file is not shipped.
    """
    text = (skills_folder() / "swarm" / _TEMPLATES[name]).read_text(encoding="utf-8")
    return re.sub(r"\A---\n.*?\n---\n|^<!--.*?-->\n", "", text, flags=re.DOTALL | re.MULTILINE).lstrip()


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with each `{{name}}` replaced, once: what is filled in is not looked at again.

    A placeholder alone on its line goes with the line, and the empty one behind it, when its value is "".
    Raises InternalError on a name without a value.
    """

    def value(found: re.Match[str]) -> str:
        name, behind = found[1] or found[3], found[2] or ""
        if name not in values:
            raise InternalError(f"the worker's prompt asks for {name!r}, which nobody gives")
        return values[name] + behind if values[name] or not behind else ""

    return re.sub(r"^\{\{(\w+)\}\}(\n+)|\{\{(\w+)\}\}", value, template, flags=re.MULTILINE)


def _retry(task: Task, feedback: Feedback, previous_diff: str, again: Again) -> str:
    if feedback.kind == CONFLICT:
        return _conflict(task, feedback, previous_diff)
    parts = [
        f"## RETRY {_line(task.id)}",
        f"The attempt before was not taken. What failed: {_line(feedback.kind)}",
        _fence(feedback.detail, "text"),
    ]
    if feedback.output:
        parts += ["The end of its output:", _fence(feedback.output, "text")]
    parts.append("What to do: " + _FIXES.get(feedback.kind, _FIX))
    if again is Again.SESSION:
        return "\n\n".join(parts)
    if again is Again.WORKTREE:
        return "\n\n".join([*parts, _HANDOVER])
    return "\n\n".join(parts + _earlier_work(feedback, previous_diff))


def _conflict(task: Task, feedback: Feedback, previous_diff: str) -> str:
    parts = [
        f"## RETRY {_line(task.id)}: conflict",
        _CONFLICTED,
        _fence("\n".join(feedback.conflicts), "text"),
        f"What to do: {_MERGE}",
    ]
    return "\n\n".join(parts + _earlier_work(feedback, previous_diff))


def _earlier_work(feedback: Feedback, previous_diff: str) -> list[str]:
    """Where the attempt before can be read."""
    ways = [f"`{_path(previous_diff)}`"] if previous_diff else []
    if re.fullmatch(r"[0-9a-f]{4,64}", feedback.diff):
        ways.append(f"`git show {feedback.diff}`")
    if not ways:
        return []
    return [f"The earlier work is not in your worktree; its diff: {' or '.join(ways)}. Take over what is good."]


def _manifest(task: Task) -> str:
    if not task.files:
        return "None was given: change what the task needs, and no more."
    return (
        "You may create, change and delete only these (a folder stands for all in it). "
        "Reading others is fine, changing them is not.\n\n" + _fence("\n".join(task.files), "text")
    )


def _blocker(blocker: BlockerSummary) -> str:
    lines = [f"Task {_line(blocker.id)} ({_line(blocker.subject)}) is done and in your worktree."]
    told = "\n".join(text for text in (blocker.detail, blocker.diffstat) if text)
    return "\n\n".join(lines + ([_fence(told, "text")] if told else []))


def _checks(checks: Sequence[Check]) -> str:
    if not checks:
        return "By no check of its own: what your result names as artifacts must exist."
    return "After you end, these must hold, in a checkout of your files:\n\n" + _fence(
        "\n".join(map(_demand, checks)), "text"
    )


def _demand(check: Check) -> str:
    if check.kind is CheckKind.FILES_EXIST:
        return "exists: " + ", ".join(check.paths)
    if check.kind is CheckKind.CONTENT_CHECK:
        return "\n".join(f"{', '.join(check.paths)} matches: {pattern}" for pattern in check.patterns)
    return f"{check.kind.value} exits with 0: {check.command}"


def _forms(task: Task, result_file: Path) -> dict[str, str]:
    """The exact formats of the result file and of the last message, as examples with this task's id."""
    done = {
        "schema_version": 1,
        "type": "completion",
        "task_id": task.id,
        "status": "done",
        "detail": "What you did",
        "artifacts": ["path/of/file"],
        "files_changed": ["path/of/file"],
        "test_tail": "",
    }
    blocked = {
        "schema_version": 1,
        "type": "blocked",
        "task_id": task.id,
        "status": "blocked",
        "detail": "What is missing, and what you tried",
        "artifacts": [],
    }
    signal = {
        "type": "completion",
        "agent": f"worker-{task.id}",
        "task": task.id,
        "detail": "What you did",
        "artifact": str(result_file),
    }
    forms = {"done_form": done, "blocked_form": blocked, "signal": signal}
    return {name: _fence(json.dumps(form), "json") for name, form in forms.items()}


def _fence(text: str, language: str) -> str:
    """The text in a Markdown fence that is longer than any run of backticks in it."""
    text = _printable(text).strip("\n")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _line(text: str) -> str:
    """The text on one line, without backticks, and not too long."""
    line = " ".join(_printable(text).replace("`", "'").split())
    return line if len(line) <= _LINE else line[: _LINE - 1] + "…"


def _path(path: Path | str) -> str:
    """The path on one line, else as it is: the worker has to find it."""
    return _printable(str(path)).replace("\n", " ")


def _printable(text: str) -> str:
    r"""The text without control codes, every line break as `\\n`, half characters as U+FFFD."""
    text = re.sub(r"\r\n?|[\v\f\x85\u2028\u2029]", "\n", text)
    text = re.sub(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "", text)
    return re.sub(r"[\ud800-\udfff]", "\ufffd", text)
