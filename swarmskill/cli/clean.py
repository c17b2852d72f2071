"""`swarm clean`: remove what a run left behind and nobody needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.cli.options import JsonOption, RunArgument, check_task, print_json, print_text, recall
from swarmskill.errors import RunLocked, UsageError

if TYPE_CHECKING:
    from swarmskill.mayor.cleaning import Cleaned


def clean(
    run: RunArgument = "",
    task: Annotated[list[str] | None, typer.Option(help="Remove this task's too, done or not; repeatable.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove those of all tasks, done or not.")] = False,
    windows: Annotated[
        bool, typer.Option("--windows", help="Only close the tmux windows, those of all runs that nobody drives.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Remove the worktrees and kept branches of integrated attempts, and the tmux windows; say what is kept and why.

    Example: swarm clean --task 3
    """
    from swarmskill.mayor.cleaning import clean_run
    from swarmskill.mayor.windows import end_windows
    from swarmskill.repo.repository import Repository

    if windows:
        return _clean_windows(run, named=bool(task or everything), as_json=json)
    recalled = recall(run)
    if recalled.held:
        raise RunLocked(f"run {recalled.folder.run_id} is at work", hint=f"swarm stop {recalled.folder.run_id}")
    for task_id in task or []:
        check_task(recalled.state, task_id)
    named = frozenset(recalled.state.tasks) if everything else frozenset(task or ())
    cleaned = clean_run(Repository.open(Path.cwd()), recalled.state, named)
    end_windows(recalled.folder, recalled.state, cleaned)
    return _tell(recalled.folder.run_id, cleaned, as_json=json)


def _clean_windows(run: str, *, named: bool, as_json: bool) -> int:
    from swarmskill.mayor.windows import end_all_windows
    from swarmskill.places import RunFolder, run_ids, runs_folder
    from swarmskill.repo.locate import locate

    if run or named:
        raise UsageError("--windows is for the windows of all runs", hint="leave the run and the tasks out")
    common_dir = locate(Path.cwd()).common_dir
    return _tell(
        "", end_all_windows(RunFolder(runs_folder(common_dir) / one) for one in run_ids(common_dir)), as_json=as_json
    )


def _tell(run_id: str, cleaned: Cleaned, *, as_json: bool) -> int:
    if as_json:
        print_json({"run_id": run_id or None, "removed": cleaned.removed, "kept": cleaned.kept})
        return 0
    for path in cleaned.removed:
        print_text(f"removed {path}")
    for path, reason in cleaned.kept.items():
        print_text(f"kept    {path}: {reason}")
    if not cleaned.removed and not cleaned.kept:
        print_text("there is nothing to clean")
    return 0
