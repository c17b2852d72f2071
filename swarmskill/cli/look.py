"""Verbs that look at a run once: runs, status, tree, why, report."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    recall_family,
)
from swarmskill.errors import UsageError

if TYPE_CHECKING:
    from swarmskill.cli.options import Recalled

_WATCH = Annotated[bool, typer.Option("--watch", "-w", help="Show it live until it is over.")]
_ALL = Annotated[bool, typer.Option("--all", help="Show every task, however many there are.")]


def runs(json: JsonOption = False) -> int:
    """List the runs of this repository, newest last.

    Example: swarm runs
    """
    from swarmskill.core.leftover import without_dead
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
            state = without_dead(fold(read_ledger(folder.ledger).events))
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


def tree(run: RunArgument = "", watch: _WATCH = False, json: JsonOption = False) -> int:
    """Show the task graph as a tree, each task below what it waits for, and the runs that its workers started.

    Example: swarm tree --watch
    """
    from swarmskill.views.tree import family_document, tree_text

    if watch and json:
        raise UsageError("--watch shows the run to a person, --json to a program", hint="swarm events --follow --json")
    recalled = recall(run)
    if watch and sys.stdout.isatty():
        from swarmskill.cli.watch import watch_tree

        watch_tree(recalled.folder.run_id)
        recalled = recall(recalled.folder.run_id)
    family = recall_family(recalled)
    if json:
        print_json(family_document(family, time.time()))
    else:
        print_text(tree_text(family, time.time(), look=look_here()))
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


def report(
    run: RunArgument = "",
    html: Annotated[str, typer.Option(metavar="FILE", help="Write one HTML page; - for standard output.")] = "",
    json: JsonOption = False,
) -> int:
    """Print the report of a run in Markdown: tasks, commits, what failed and how to go on. Or write it as a page.

    Example: swarm report --html report.html
    """
    from swarmskill.views.report import report_markdown
    from swarmskill.views.run_json import run_document

    if html and json:
        raise UsageError("--html writes a page, --json prints a document", hint="give one of the two")
    recalled = recall(run)
    if html:
        _write_page(recalled, html)
    elif json:
        print_json(run_document(recalled.state, recalled.events, time.time(), held=recalled.tended))
    else:
        family = recall_family(recalled)
        print_text(report_markdown(recalled.state, recalled.events, recalled.folder, time.time(), family=family))
    return 0


def _write_page(recalled: Recalled, name: str) -> None:
    """Write the page into a file, whole or not at all, or to standard output. Raises Refused."""
    from swarmskill.errors import Refused
    from swarmskill.material import gather_material
    from swarmskill.views.page.html import report_html
    from swarmskill.views.page.model import page_of
    from swarmskill.writing import replace_file

    state, events = recalled.state, recalled.events
    material = gather_material(recalled.folder, recalled.top, state, events, os.environ)
    family = recall_family(recalled)
    page = report_html(page_of(state, events, time.time(), material=material, held=recalled.tended, family=family))
    if name == "-":
        sys.stdout.buffer.write(page)
        return
    try:
        replace_file(Path(name).absolute(), page)
    except OSError as error:
        raise Refused(
            f"cannot write {name}: {error.strerror}", hint="name a file in a folder that you may write"
        ) from error
    print_text(f"written: {name}")
