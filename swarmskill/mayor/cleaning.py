"""Removes worktrees and attempt refs of a run whose work is safe, or that the user names."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from swarmskill.config import WorktreeSetup
from swarmskill.core.state import State
from swarmskill.mayor.branch import FOREIGN
from swarmskill.mayor.isolation import LOST, PUT_ASIDE
from swarmskill.mayor.memory import clear_cgroups
from swarmskill.model import Outcome, Phase
from swarmskill.places import RunFolder, attempt_key, attempt_ref, runs_folder, worktrees_folder
from swarmskill.records import dataclass
from swarmskill.repo.integrate import drop_attempt, kept_attempts
from swarmskill.repo.repository import Repository
from swarmskill.repo.worktree import Worktrees
from swarmskill.views.remedies import going_on


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Worktrees that were removed, and those that were kept, and refs of the user's, by name with the reason."""

    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


def clean_run(repository: Repository, state: State, named: frozenset[str]) -> Cleaned:
    """Remove what belongs to integrated attempts or to tasks that are `named`. The run must not be held."""
    if not state.run_id:
        return Cleaned()  # it never started, so it has nothing, and its folder would be that of all runs
    root = worktrees_folder(repository.top, state.run_id)
    worktrees = Worktrees(repository, state.run_id, root, WorktreeSetup(), run_command=_no_command)
    reasons = _reasons_to_keep(state, named)
    cleaned = Cleaned()
    for path in worktrees.list():
        reason = reasons.get(path.name, "")
        if reason:
            cleaned.kept[str(path)] = reason
        else:
            worktrees.remove(path)
            cleaned.removed.append(str(path))
    worktrees.prune()
    clear_cgroups(RunFolder(runs_folder(repository.common_dir) / state.run_id))
    touched = any(task.end and task.end.touched for task in state.tasks.values())
    for key in kept_attempts(repository, state.run_id):
        if key.startswith((FOREIGN, LOST)) or (touched and key.startswith(PUT_ASIDE)):
            ref = attempt_ref(state.run_id, key)
            cleaned.kept[ref] = f"somebody changed what is yours, and it was this before; git update-ref -d {ref}"
        # What was put aside of the user's checkout stays until the last attempt that may need it is cleaned.
        elif key not in reasons and not (reasons and key.startswith(PUT_ASIDE)):
            drop_attempt(repository, state.run_id, key)
    return cleaned


def _reasons_to_keep(state: State, named: frozenset[str]) -> dict[str, str]:
    """Attempt key -> why its worktree and its ref stay."""
    reasons = {}
    for task_id, task in state.tasks.items():
        if task_id in named or task.outcome is Outcome.COMPLETED:
            continue
        why = f"the work of task {task_id} is not integrated ({task.outcome or task.phase})"
        if task.phase is not Phase.ENDED:
            why = f"task {task_id} is not done; go on with: {going_on(state)}"
        for attempt in range(1, task.attempt + 1):
            reasons[attempt_key(task_id, attempt)] = why
    return reasons


def _no_command(_words: object, _folder: Path) -> tuple[int, str]:
    raise AssertionError("cleaning sets no worktree up")
