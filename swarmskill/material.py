"""What a page shows of a run beside its events: diffs out of git, ends of logs. Secrets are masked here.

Logs were masked when they were written. A diff was not: what a check refused because of a secret is kept, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from swarmskill.agents.environment import secret_values, worker_environment
from swarmskill.backends.masking import mask
from swarmskill.core.events import Event
from swarmskill.core.state import State
from swarmskill.places import RunFolder, attempt_key
from swarmskill.repo.git import Git, GitFailed
from swarmskill.repo.patches import Patch, read_patches
from swarmskill.validation.credentials import mask_credentials
from swarmskill.views.attempts import Attempt, attempts_by_task
from swarmskill.views.follow import last_lines
from swarmskill.views.page.model import told_tasks
from swarmskill.views.page.shapes import WHOLE, Limits, TaskMaterial, Text
from swarmskill.views.page.texts import fit_end

Masked = Callable[[str], str]

_MOST_FROM_LOG = 2000
"""Lines of a log's end that are looked at, to tell how many are left out."""


def gather_material(
    folder: RunFolder,
    top: Path,
    state: State,
    events: Sequence[Event],
    environment: Mapping[str, str],
    limits: Limits = WHOLE,
) -> dict[str, TaskMaterial]:
    """The material of the tasks that a page tells in full; what cannot be read is missing.

    `environment` is ours: the values of its secrets are masked.
    """
    config = state.config
    secrets = secret_values(worker_environment(environment, allow=config.env, extra={}), config.secrets)

    def masked(text: str) -> str:
        return mask_credentials(mask(text, secrets))

    attempts = attempts_by_task(events)
    last = {task_id: attempts[task_id][-1] for task_id in told_tasks(state, limits.details) if attempts.get(task_id)}
    patches = _patches(Git(top), last, limits)
    return {
        task_id: _material(folder, task_id, attempt, patches.get(attempt.commit or attempt.work), masked, limits)
        for task_id, attempt in last.items()
    }


def _patches(git: Git, attempts: Mapping[str, Attempt], limits: Limits) -> dict[str, Patch]:
    commits = [commit for attempt in attempts.values() if (commit := attempt.commit or attempt.work)]
    try:
        return {patch.commit: patch for patch in read_patches(git, commits, limits.patch_lines)}
    except GitFailed:
        return {}  # the page tells what it can


def _material(
    folder: RunFolder, task_id: str, attempt: Attempt, patch: Patch | None, masked: Masked, limits: Limits
) -> TaskMaterial:
    checks = [*attempt.checks, *([attempt.failed] if attempt.failed else [])]
    return TaskMaterial(
        patch=masked(patch.text) if patch else "",
        patch_left_out=patch.left_out if patch else 0,
        log=_end(folder.log(attempt_key(task_id, attempt.number)), masked, limits),
        outputs={check.log: _end(Path(check.log), masked, limits) for check in checks if check.log},
    )


def _end(path: Path, masked: Masked, limits: Limits) -> Text:
    lines = last_lines(path, _MOST_FROM_LOG)
    return fit_end(masked("\n".join(lines)).split("\n") if lines else [], limits.log_lines, limits.width)
