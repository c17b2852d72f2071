"""Claims and closes issues of Beads, and looks whether `bd` really did it.

`bd` had versions that end with 0 though nothing was closed, so that its word is only taken with the issue in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from swarmskill.answers import Answer, Reply
from swarmskill.bd import issues_in
from swarmskill.model import Outcome, Task
from swarmskill.records import dataclass
from swarmskill.trackers.asking import ask, documents, failed, not_on_path
from swarmskill.trackers.base import Desk, Missing, TaskEnding
from swarmskill.trackers.options import check_options

LABEL: Final = "swarm-escalated"
"""Of issues that swarm could not complete, and that a person has to look at."""

_GIVEN_BACK: Final = frozenset({Outcome.LOST, Outcome.CANCELLED, Outcome.SKIPPED})
"""Outcomes that say nothing against the issue: whoever comes next may take it."""

_DETAIL = 1000


@dataclass(frozen=True, slots=True)
class Beads:
    """The issues of the repository that `bd` finds from the user's checkout."""

    name: str = "beads"

    def missing(self, environment: Mapping[str, str]) -> Missing | None:
        """`bd` must be on PATH."""
        return not_on_path("bd", environment)

    def claim(self, task: Task, run_id: str, desk: Desk, *, again: bool) -> Answer:
        """Take the issue; refused where somebody else has it. A note in it tells that it was us."""
        note = f"claimed by swarm run {run_id}"
        if again and note in _text(_show(task.id, desk), "notes"):
            return Answer(Reply.ACCEPTED)
        called, printed = ask(desk, ["bd", "update", task.id, "--claim", "--append-notes", note, "--json"])
        if called.exit_code or called.cannot_start:
            return failed(called, printed, "bd did not let us claim it", Reply.REFUSED)
        issue = _issue_in(printed, task.id) or _show(task.id, desk)
        if issue.get("status") != "in_progress":
            status = issue.get("status", "nobody knows what")
            return Answer(Reply.REFUSED, f"bd says that it is {status}, after our claim", called.exit_code, called.log)
        return Answer(Reply.ACCEPTED, "", called.exit_code, called.log)

    def tell(self, ending: TaskEnding, desk: Desk) -> Answer:
        """Close a completed issue, give a lost one back, and say of any other what went wrong."""
        if ending.outcome is Outcome.COMPLETED:
            return self._close(ending, desk)
        if not ending.claimed:
            return Answer(Reply.NOT_TOLD)
        if ending.outcome in _GIVEN_BACK:
            return self._update(ending, desk, ["--status", "open", "--assignee", ""])
        return self._escalate(ending, desk)

    def _close(self, ending: TaskEnding, desk: Desk) -> Answer:
        bead = ending.task.id
        if ending.again and _show(bead, desk).get("status") == "closed":
            return Answer(Reply.ACCEPTED)
        reason = f"swarm run {ending.run_id}, commit {ending.commit}"
        called, printed = ask(desk, ["bd", "close", bead, "--reason", reason, "--json"])
        closed = _issue_in(printed, bead)
        if closed is not None and closed.get("status", "closed") == "closed" and not called.exit_code:
            return Answer(Reply.ACCEPTED, "", called.exit_code, called.log)
        if _show(bead, desk).get("status") == "closed":
            return Answer(Reply.ACCEPTED, "", called.exit_code, called.log)
        return failed(called, printed, "bd did not close it", Reply.REFUSED)

    def _escalate(self, ending: TaskEnding, desk: Desk) -> Answer:
        bead = ending.task.id
        mark = f"swarm run {ending.run_id}, attempt {ending.attempt}: {ending.outcome}"
        comments = _show(bead, desk).get("comments") if ending.again else None
        if not (isinstance(comments, list) and any(mark in _text(one, "text") for one in comments)):
            text = f"{mark}. {ending.detail[:_DETAIL]}".strip()
            called, printed = ask(desk, ["bd", "comments", "add", bead, text])
            if called.exit_code or called.cannot_start:
                return failed(called, printed, "bd did not take our comment")
        return self._update(ending, desk, ["--status", "blocked", "--assignee", "", "--add-label", LABEL])

    def _update(self, ending: TaskEnding, desk: Desk, words: list[str]) -> Answer:
        called, printed = ask(desk, ["bd", "update", ending.task.id, *words, "--json"])
        if called.exit_code or called.cannot_start:
            return failed(called, printed, "bd did not update it")
        return Answer(Reply.ACCEPTED, "", called.exit_code, called.log)


def make(options: Mapping[str, str]) -> Beads:
    """Beads; it has no options. Raises UsageError."""
    check_options("beads", options, ())
    return Beads()


def _show(bead: str, desk: Desk) -> dict[str, Any]:
    """The issue as it is now; {} if bd does not tell."""
    _, printed = ask(desk, ["bd", "show", bead, "--json"])
    return _issue_in(printed, bead) or {}


def _issue_in(printed: str, bead: str) -> dict[str, Any] | None:
    for value in documents(printed):
        for issue in issues_in(value) or ():
            if issue["id"] == bead:
                return issue
    return None


def _text(values: Any, key: str) -> str:
    value = values.get(key) if isinstance(values, dict) else None
    return value if isinstance(value, str) else ""
