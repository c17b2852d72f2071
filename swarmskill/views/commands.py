"""The commands that a person can run next, ready to paste. `run` is "" for the newest run."""

from __future__ import annotations

import shlex

from swarmskill.places import BRANCH_PREFIX


def branch_name(run_id: str) -> str:
    """The run branch as `git` takes it."""
    return BRANCH_PREFIX.removeprefix("refs/heads/") + run_id


def _swarm(verb: str, *words: str, run: str) -> str:
    return shlex.join(["swarm", verb, *words, *(["--run", run] if run else [])])


def logs(task_id: str, run: str = "") -> str:
    """Show what the worker printed."""
    return _swarm("logs", task_id, run=run)


def attach(task_id: str = "", run: str = "") -> str:
    """Look at a worker in its window, or at all of them."""
    return _swarm("attach", *([task_id] if task_id else []), run=run)


def why(task_id: str, run: str = "") -> str:
    """Tell a task's story."""
    return _swarm("why", task_id, run=run)


def retry(task_id: str, run: str = "") -> str:
    """Try an ended task again."""
    return _swarm("retry", task_id, run=run)


def on_run(verb: str, run_id: str) -> str:
    """A verb that takes the run as its argument."""
    return shlex.join(["swarm", verb, run_id])


def resume_hosted(run_id: str) -> str:
    """Go on with a run whose workers an assistant runs."""
    return _swarm("next", "--resume", run=run_id)


def resume(run_id: str, *, max_cost: float | None = None, max_tokens: int | None = None) -> str:
    """Go on with the run, with other limits if any are given."""
    limits = [] if max_cost is None else ["--max-cost", f"{max_cost:g}"]
    limits += [] if max_tokens is None else ["--max-tokens", str(max_tokens)]
    return shlex.join(["swarm", "resume", run_id, *limits])


def change_folder(path: str) -> str:
    """Go to a folder."""
    return shlex.join(["cd", path])


def diff(base: str, commit: str) -> str:
    """Show what an attempt changed."""
    return shlex.join(["git", "diff", f"{base[:12]}..{commit[:12]}"])


def show(commit: str) -> str:
    """Show a commit."""
    return shlex.join(["git", "show", commit[:12]])


def history(base: str, run_id: str) -> str:
    """List the run branch's commits."""
    return shlex.join(["git", "log", "--oneline", f"{base[:12]}..{branch_name(run_id)}"])


def land(run_id: str) -> str:
    """Move the user's branch to the run branch."""
    return shlex.join(["git", "merge", "--ff-only", branch_name(run_id)])
