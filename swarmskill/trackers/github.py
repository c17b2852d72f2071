"""Comments and closes GitHub issues by `gh`, and looks whether they are closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from swarmskill.answers import Answer, Reply
from swarmskill.model import Outcome, Task
from swarmskill.records import dataclass
from swarmskill.trackers.asking import ask, documents, failed, not_on_path
from swarmskill.trackers.base import Desk, Missing, TaskEnding
from swarmskill.trackers.options import check_options

_SILENT: Final = frozenset({Outcome.LOST, Outcome.CANCELLED, Outcome.SKIPPED})
"""Outcomes that say nothing about the issue."""

_DETAIL = 1000


@dataclass(frozen=True, slots=True)
class GitHub:
    """The issues of `repo` (OWNER/NAME), "" for the repository of the user's checkout."""

    repo: str = ""
    name: str = "github"

    def missing(self, environment: Mapping[str, str]) -> Missing | None:
        """`gh` must be on PATH."""
        return not_on_path("gh", environment)

    def claim(self, task: Task, run_id: str, desk: Desk, *, again: bool) -> Answer:
        """Only ends are written."""
        return Answer(Reply.ACCEPTED)

    def tell(self, ending: TaskEnding, desk: Desk) -> Answer:
        """Close a completed issue with a comment; of one that failed, say why."""
        if ending.outcome in _SILENT:
            return Answer(Reply.NOT_TOLD)
        seen = self._view(ending.task.id, desk) if ending.again else {}
        if ending.outcome is Outcome.COMPLETED:
            return self._close(ending, desk, seen)
        mark = f"swarm run {ending.run_id}, attempt {ending.attempt}: {ending.outcome}"
        if any(mark in str(one.get("body", "")) for one in seen.get("comments", ()) if isinstance(one, dict)):
            return Answer(Reply.ACCEPTED)
        called, printed = self._ask(desk, "comment", ending.task.id, "--body", f"{mark}\n\n{ending.detail[:_DETAIL]}")
        if called.exit_code or called.cannot_start:
            return failed(called, printed, "gh did not comment it")
        return Answer(Reply.ACCEPTED, "", called.exit_code, called.log)

    def _close(self, ending: TaskEnding, desk: Desk, seen: Mapping[str, Any]) -> Answer:
        if seen.get("state") == "CLOSED":
            return Answer(Reply.ACCEPTED)
        comment = f"Completed by swarm run {ending.run_id} in commit {ending.commit}."
        called, printed = self._ask(desk, "close", ending.task.id, "--reason", "completed", "--comment", comment)
        if called.exit_code or called.cannot_start:
            return failed(called, printed, "gh did not close it")
        if self._view(ending.task.id, desk).get("state") != "CLOSED":
            return failed(called, printed, "gh says that it closed it, but it is open", Reply.REFUSED)
        return Answer(Reply.ACCEPTED, "", called.exit_code, called.log)

    def _view(self, number: str, desk: Desk) -> dict[str, Any]:
        _, printed = self._ask(desk, "view", number, "--json", "state,comments")
        return next((value for value in documents(printed) if isinstance(value, dict) and "state" in value), {})

    def _ask(self, desk: Desk, verb: str, number: str, *words: str) -> tuple[Any, str]:
        repo = ["-R", self.repo] if self.repo else []
        return ask(desk, ["gh", "issue", verb, number, *repo, *words])


def make(options: Mapping[str, str]) -> GitHub:
    """Issues, with the option `repo`. Raises UsageError."""
    check_options("github", options, ("repo",))
    return GitHub(options.get("repo", ""))
