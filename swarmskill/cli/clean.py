"""`swarm clean`: remove what a run left behind and nobody needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swarmskill.cli.options import JsonOption, RunArgument, check_task, print_json, print_text, recall
from swarmskill.errors import RunLocked


def clean(
    run: RunArgument = "",
    task: Annotated[list[str] | None, typer.Option(help="Remove this task's too, done or not; repeatable.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove those of all tasks, done or not.")] = False,
    json: JsonOption = False,
) -> int:
    """Remove the worktrees and kept branches of integrated attempts, and the tmux windows; say what is kept and why.

    Example: swarm clean --task 3
    """
    from swarmskill.mayor.cleaning import clean_run
    from swarmskill.mayor.windows import end_windows
    from swarmskill.repo.repository import Repository

    recalled = recall(run)
    if recalled.held:
        raise RunLocked(f"run {recalled.folder.run_id} is at work", hint=f"swarm stop {recalled.folder.run_id}")
    for task_id in task or []:
        check_task(recalled.state, task_id)
    named = frozenset(recalled.state.tasks) if everything else frozenset(task or ())
    cleaned = clean_run(Repository.open(Path.cwd()), recalled.state, named)
    end_windows(recalled.folder, recalled.state, cleaned)
    if json:
        print_json({"run_id": recalled.folder.run_id, "removed": cleaned.removed, "kept": cleaned.kept})
        return 0
    for path in cleaned.removed:
        print_text(f"removed {path}")
    for path, reason in cleaned.kept.items():
        print_text(f"kept    {path}: {reason}")
    if not cleaned.removed and not cleaned.kept:
        print_text("there is nothing to clean")
    return 0
