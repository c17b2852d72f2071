"""`swarm install` and `swarm uninstall`: the skill, where coding assistants look for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from swarmskill.cli.options import JsonOption, print_json, print_text
from swarmskill.errors import Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmskill.install import Assistant, Place, Plan


_Names = Annotated[
    list[str] | None, typer.Argument(metavar="ASSISTANT", help="claude, codex, opencode, gemini, qwen, or all.")
]
_Project = Annotated[
    bool,
    typer.Option("--project/--user", help="In this repository, or in your home folder. [user]", show_default=False),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done and do nothing.")]
_Force = Annotated[bool, typer.Option("--force", help="Overwrite and remove changed files, too.")]
_Hooks = Annotated[
    bool | None,
    typer.Option(
        "--hooks/--no-hooks",
        help="Let Claude Code ask swarm when a worker ends or a task is ticked. [as it was]",
        show_default=False,
    ),
]

_CALLS: Final = {"codex": "$swarm"}
"""How the user calls the skill; in the others with /swarm."""


def install(
    assistants: _Names = None,
    project: _Project = False,
    hooks: _Hooks = None,
    dry_run: _DryRun = False,
    force: _Force = False,
    json: JsonOption = False,
) -> int:
    """Copy the skill to where the assistants look for it; those on PATH if none is named.

    A copy in which somebody changed files is left alone; the other assistants get theirs. Call it again after an
    update of swarm.

    Example: swarm install claude codex --project
    """
    from swarmskill.install import Assistant, plan_install

    wanted = _meant(assistants) or _on_path()
    if not wanted:
        raise UsageError("none of the assistants is on PATH", hint="name one: swarm install claude")
    if hooks and Assistant.CLAUDE not in wanted:
        raise UsageError("--hooks is for Claude Code alone", hint="swarm install claude --hooks")
    plans = [plan_install(place, wanted, hooks=hooks) for place in _places(project=project) if place.readers & wanted]
    return _carry_out(plans, wanted, dry_run=dry_run, force=force, as_json=json)


def uninstall(
    assistants: _Names = None,
    project: _Project = False,
    dry_run: _DryRun = False,
    force: _Force = False,
    json: JsonOption = False,
) -> int:
    """Remove what `swarm install` wrote, and nothing else; for all assistants if none is named.

    Example: swarm uninstall gemini --dry-run
    """
    from swarmskill.install import Assistant, plan_uninstall

    unwanted = _meant(assistants) or frozenset(Assistant)
    plans = [plan_uninstall(place, unwanted) for place in _places(project=project) if place.readers & unwanted]
    return _carry_out(plans, frozenset(), dry_run=dry_run, force=force, as_json=json)


def _meant(names: list[str] | None) -> frozenset[Assistant]:
    """The assistants of those names. Raises UsageError if there is no such one."""
    from swarmskill.install import Assistant

    known = [*map(str, Assistant), "all"]
    for name in names or ():
        if name not in known:
            raise UsageError(f"no assistant is called {name!r}", hint=f"there are: {', '.join(known)}")
    if names and "all" in names:
        return frozenset(Assistant)
    return frozenset(map(Assistant, names or ()))


def _on_path() -> frozenset[Assistant]:
    from swarmskill.install import Assistant

    return frozenset(assistant for assistant in Assistant if shutil.which(assistant))


def _places(*, project: bool) -> tuple[Place, ...]:
    from swarmskill.install import places

    if project:
        from swarmskill.repo.locate import locate

        return places(locate(Path.cwd()).top)
    claude = os.environ.get("CLAUDE_CONFIG_DIR")
    return places(Path.home(), Path(claude).absolute() if claude else None)


def _carry_out(
    plans: Sequence[Plan], wanted: frozenset[Assistant], *, dry_run: bool, force: bool, as_json: bool
) -> int:
    """Do what is planned where nothing is in the way, or with `dry_run` nothing, and tell.

    Raises Refused at the end if a place had to be left alone; with `as_json` that is told in the document.
    """
    from swarmskill import __version__
    from swarmskill.install import obstacle, perform

    obstacles = [obstacle(plan, force=force) for plan in plans]
    if not dry_run:
        perform([plan for plan, found in zip(plans, obstacles, strict=True) if found is None])
    if as_json:
        places = [_document(plan, found) for plan, found in zip(plans, obstacles, strict=True)]
        print_json({"version": __version__, "dry_run": dry_run, "places": places})
        return 1 if any(obstacles) else 0
    for plan, found in zip(plans, obstacles, strict=True):
        _tell(plan, dry_run=dry_run, left=found is not None)
    left = [plan for plan, found in zip(plans, obstacles, strict=True) if found is not None]
    reached = {assistant for assistant in wanted if not any(assistant in plan.place.readers for plan in left)}
    if reached and not dry_run:
        calls = (f"{_CALLS.get(assistant, '/swarm')} in {assistant}" for assistant in sorted(reached))
        print_text(f"call it: {', '.join(calls)}")
    if told := [one for one in obstacles if one is not None]:
        raise Refused("; ".join(problem for problem, _ in told), hint="; ".join(hint for _, hint in told))
    return 0


def _document(plan: Plan, obstacle: tuple[str, str] | None) -> dict[str, Any]:
    from swarmskill.install import Action

    files = {action.value: [str(path) for path in plan.paths(action)] for action in Action}
    left = {"left_alone": obstacle[0], "hint": obstacle[1]} if obstacle else {}
    return {"folder": str(plan.place.folder), "assistants": sorted(plan.assistants), **left, **files}


def _tell(plan: Plan, *, dry_run: bool, left: bool) -> None:
    from swarmskill.install import Action
    from swarmskill.views.marks import count

    done = [step for step in plan.steps if step.action is not Action.KEEP]
    whose = f" for {', '.join(sorted(plan.assistants))}" if plan.assistants else ""
    what = count(len(done), "file") if done else "nothing to do"
    print_text(f"{plan.place.folder}{whose}: {f'left alone, {what}' if left else what}")
    for step in done if dry_run else ():
        print_text(f"  {step.action:<7} {plan.place.base / step.name}")
