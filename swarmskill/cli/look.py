"""Verbs that look at a run once: runs, status, tree, why, report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from swarmskill.cli.options import (
    JsonOption,
    RunArgument,
    RunOption,
    TaskArgument,
    check_task,
    is_tended,
    look_here,
    print_json,
    print_text,
    recall,
)

_WATCH = Annotated[bool, typer.Option("--watch", "-w", help="Show it live until it is over.")]
_ALL = Annotated[bool, typer.Option("--all", help="Show every task, however many there are.")]


def runs(json: JsonOption = False) -> int:
    """List the runs of this repository, newest last.

    Example: swarm runs
    """
    from swarmskill.core.transitions import fold
    from swarmskill.errors import SwarmError
    from swarmskill.ledger import read_holder, read_ledger
    from swarmskill.places import RunFolder, run_ids, runs_folder
    from swarmskill.repo.locate import locate
    from swarmskill.views.run_json import RunEntry, runs_document
    from swarmskill.views.runs import runs_text

    common_dir = locate(Path.cwd()).common_dir
    entries = []
    for run_id in run_ids(common_dir):
        folder = RunFolder(runs_folder(common_dir) / run_id)
        held = read_holder(folder) is not None
        try:
            state = fold(read_ledger(folder.ledger).events)
            entries.append(RunEntry(run_id, state, is_tended(folder, state, held=held)))
        except SwarmError as error:
            entries.append(RunEntry(run_id, None, held, error.message))
    if json:
        print_json(runs_document(entries, time.time()))
    else:
        print_text(runs_text(entries, time.time(), look=look_here()))
    return 0


def status(run: RunArgument = "", everything: _ALL = False, watch: _WATCH = False, json: JsonOption = False) -> int:
    """Show where a run and each of its tasks stand.

    Example: swarm status --watch
    """
    from swarmskill.cli.standing import show_status

    return show_status(run, everything=everything, watch=watch, as_json=json)


def tree(run: RunArgument = "", json: JsonOption = False) -> int:
    """Show the task graph as a tree, each task below what it waits for.

    Example: swarm tree
    """
    from swarmskill.views.run_json import tree_document
    from swarmskill.views.tree import tree_text

    recalled = recall(run)
    if json:
        print_json(tree_document(recalled.state, time.time(), held=recalled.tended))
    else:
        print_text(tree_text(recalled.state, look=look_here()))
    return 0


def why(task: TaskArgument, run: RunOption = "", json: JsonOption = False) -> int:
    """Tell the story of one task: what happened in which order, where its logs are, what to do next.

    Example: swarm why 3
    """
    from swarmskill.views import story

    recalled = recall(run)
    check_task(recalled.state, task)
    known = (recalled.state, recalled.events, task, recalled.folder, time.time())
    if json:
        print_json(story.why_document(*known, newest=recalled.newest))
    else:
        print_text(story.why(*known, look=look_here(), newest=recalled.newest))
    return 0


def report(run: RunArgument = "", json: JsonOption = False) -> int:
    """Print the report of a run in Markdown: tasks, commits, what failed and how to go on.

    Example: swarm report > report.md
    """
    from swarmskill.views.report import report_markdown
    from swarmskill.views.run_json import run_document

    recalled = recall(run)
    if json:
        print_json(run_document(recalled.state, recalled.events, time.time(), held=recalled.tended))
    else:
        print_text(report_markdown(recalled.state, recalled.events, recalled.folder, time.time()))
    return 0
