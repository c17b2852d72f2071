"""The verbs' documents, cut to what an assistant needs: all that a tool answers stays in its context.

Keys and values are those of the verbs; what is empty is left out, and so is what the assistant knows or can ask for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from swarmskill.model import Outcome, Phase

_RUN = ("run_id", "outcome", "branch", "landed", "cost_usd", "tokens", "seconds", "warnings")
_PLAN = ("waves", "critical_path", "seconds", "most_at_once", "conflicts", "cross_cutting", "warnings")
_DETAIL = 300
"""Characters of what there is to say about one task."""


def brief_plan(document: Mapping[str, Any]) -> dict[str, Any]:
    """A plan without the tasks themselves and who owns which file."""
    return _filled(document, _PLAN)


def brief_run(document: Mapping[str, Any]) -> dict[str, Any]:
    """A run: `counts` of all its tasks, and those which are not completed, each with what there is to say about it."""
    tasks = document.get("tasks")
    if tasks is None:
        return dict(document)
    rows = [_brief_task(task) for task in tasks if task["outcome"] != Outcome.COMPLETED]
    return _filled({**document, "counts": _counts(tasks), "tasks": rows}, (*_RUN[:2], "counts", *_RUN[2:], "tasks"))


def _brief_task(task: Mapping[str, Any]) -> dict[str, Any]:
    word = "outcome" if task["outcome"] else "phase"
    row = {"id": task["id"], word: task[word]}
    if task["attempts"] > 1:
        row["attempts"] = task["attempts"]
    if detail := task["detail"]:
        row["detail"] = detail if len(detail) <= _DETAIL else detail[:_DETAIL] + "…"
    return row


def _counts(tasks: list[Mapping[str, Any]]) -> dict[str, int]:
    """The same words as those of `swarm wait --json`."""
    waiting = (Phase.WAITING, Phase.READY)
    words = [task["outcome"] or ("pending" if task["phase"] in waiting else "in_progress") for task in tasks]
    return dict(Counter(words))


def _filled(document: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: document[key] for key in keys if document.get(key) not in (None, "", [], {})}
