"""A run with the runs below it: the tree, the roll-up of costs, the lines of the live tree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from swarmskill.lineage import Kin, Origin, Relative
from swarmskill.model import Task, Usage
from swarmskill.places import RunFolder
from swarmskill.views.cost import By, cost_document, cost_table, family_rows
from swarmskill.views.kinship import Family
from swarmskill.views.nested import nested_lines
from swarmskill.views.page.html import live_html, report_html
from swarmskill.views.page.model import page_of
from swarmskill.views.report import report_markdown
from swarmskill.views.tree import family_document, tree_text

from .stories import RUN, Story


def folder(name: str) -> RunFolder:
    return RunFolder(Path("/repo/.git/swarm/runs") / name)


def a_family() -> tuple[Family, float]:
    """Task `build` has a child run, which has one itself; each worker tells what it used."""
    top = Story(Task(id="plan", subject="Plan it"), Task(id="build", subject="Build it", blocked_by=("plan",)))
    top.completes("plan").starts("build").spends("build", Usage(100, 0, 20, 0.5))
    mid = Story(Task(id="a", subject="Do a"), Task(id="b", subject="Do b", blocked_by=("a",)))
    mid.starts("a").spends("a", Usage(10, 0, 2, 0.25))
    low = Story(Task(id="x", subject="Do x")).starts("x").spends("x", Usage(1, 0, 1, 0.125))
    middle, lowest = folder("20261121-1201-calm-fox"), folder("20261121-1202-wild-elk")
    return Family.of(
        [
            Relative(Kin(folder(RUN)), tuple(top.events), top.state, held=True),
            Relative(Kin(middle, 1, Origin(folder(RUN), "build", 2)), tuple(mid.events), mid.state, held=True),
            Relative(Kin(lowest, 2, Origin(middle, "a", 1)), tuple(low.events), low.state, held=False),
        ]
    ), top.now + 60


def test_child_runs_are_below_the_task_whose_worker_started_them() -> None:
    family, now = a_family()
    lines = tree_text(family, now).splitlines()
    assert lines[0].endswith("$0.88 with the runs below")
    assert lines[1] == "✓ plan  Plan it"
    assert lines[2].startswith("└─ ● build  Build it  running ")
    assert lines[2].endswith("$0.50")
    assert lines[3].startswith("   └─ run 20261121-1201-calm-fox  running, 0 of 2 tasks")
    assert lines[3].endswith("$0.38 with the runs below, by try 2")
    assert lines[4].startswith("      └─ ● a  Do a  running")
    assert lines[5].startswith("         ├─ run 20261121-1202-wild-elk  interrupted, 0 of 1 task")
    assert lines[6].startswith("         │  └─ ● x  Do x  running")
    assert lines[7] == "         └─ · b  Do b"


def test_the_document_of_the_tree_nests_runs_in_tasks() -> None:
    family, now = a_family()
    document = family_document(family, now)
    build = next(row for row in document["tasks"] if row["id"] == "build")
    (child,) = build["runs"]
    assert child["parent"] == {"run_id": RUN, "task": "build", "attempt": 2}
    assert [document["total"]["cost_usd"], child["total"]["cost_usd"], child["used"]["cost_usd"]] == [
        0.875,
        0.375,
        0.25,
    ]
    assert child["tasks"][0]["runs"][0]["folder"].endswith("20261121-1202-wild-elk")


def test_costs_roll_up_over_all_descendants() -> None:
    family, _ = a_family()
    for by in By:
        rows = family_rows(family, by)
        assert sum(row.usage.cost_usd or 0 for row in rows) == 0.875
        assert sum(row.attempts for row in rows) == 4
    build = next(row for row in family_rows(family, By.TASK) if row.name == "build")
    assert (build.usage.cost_usd, build.runs) == (0.875, 2), "what a task's runs used counts for the task"
    document = cost_document(family, By.AGENT)
    assert document["total"]["cost_usd"] == 0.875
    assert [run["cost_usd"] for run in document["runs"]] == [0.5, 0.25, 0.125]
    shown = cost_table(family, By.TASK)
    assert f"20261121-1201-calm-fox  12 tokens, $0.25  (started by {RUN}, task build)" in shown


def test_the_live_tree_has_a_line_for_each_child_run_that_goes_on() -> None:
    family, now = a_family()
    assert list(nested_lines(family, now)) == ["build"]
    (line,) = nested_lines(family, now)["build"]
    assert line.startswith("run 20261121-1201-calm-fox  0 of 2 tasks, 1 worker,")
    assert line.endswith("$0.38")


def test_reports_list_the_runs_below_and_add_up_what_all_used() -> None:
    family, now = a_family()
    top = family.top
    text = report_markdown(top.state, top.events, top.folder, now, family=family)
    section = text.partition("## Runs that its workers started\n\n")[2].partition("\n\n")[0].splitlines()
    assert section == [
        "| run | started by | task | outcome | tasks | time | tokens | cost |",
        "|---|---|---|---|---|---|---|---|",
        f"| 20261121-1201-calm-fox | {RUN} | build | running | 2 tasks: 1 in progress, 1 pending | 1m 02s | 12 | $0.25 |",
        "| 20261121-1202-wild-elk | 20261121-1201-calm-fox | a | interrupted | 1 task: 1 in progress | 1m 02s | 2 | $0.12 |",
        "| this run itself |  |  |  |  |  | 120 | $0.50 |",
        "| all of them |  |  |  |  |  | 134 | $0.88 |",
    ]
    assert "Used 120 tokens, $0.50; with the runs that its workers started 134 tokens, $0.88." in text
    assert "its workers started" not in report_markdown(top.state, top.events, top.folder, now, family=Family.of([top]))


@pytest.mark.parametrize("linked", [False, True])
def test_the_page_lists_them_and_its_totals_are_those_of_all(linked: bool) -> None:
    family, now = a_family()
    page = page_of(family.top.state, family.top.events, now, family=family, linked=linked)
    assert [tile for tile in page.tiles if tile[1] in ("tokens", "cost")] == [
        ("134", "tokens", "itself 120"),
        ("$0.88", "cost", "itself $0.50"),
    ]
    (by_task,) = [table for table in page.costs if table.by == "task"]
    assert by_task.rows[0][0] == "build" and by_task.rows[0][-1] == "$0.88", "what its runs used is the task's"
    made = (live_html(page) if linked else report_html(page)).decode()
    table = made.partition('id="kin"')[2].partition("</table>")[0]
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in table.split("<tr")[2:]]
    assert [row[-1] for row in rows] == ["$0.25", "$0.12", "$0.50", "$0.88"]
    assert ('href="/runs/20261121-1201-calm-fox"' in table) is linked


def test_a_run_that_cannot_be_read_is_shown_as_such() -> None:
    family, now = a_family()
    broken = Relative(family.relatives[1].kin, (), Story().state, held=False, trouble="line 3 is damaged")
    shown = Family.of([family.top, broken])
    assert "run 20261121-1201-calm-fox  cannot be read: line 3 is damaged" in tree_text(shown, now)
    assert "cannot be read" in cost_table(shown, By.TASK)
    assert family_document(shown, now)["tasks"][1]["runs"][0]["problem"] == "line 3 is damaged"
    report = report_markdown(shown.top.state, shown.top.events, shown.top.folder, now, family=shown)
    assert f"| 20261121-1201-calm-fox | {RUN} | build | unreadable | line 3 is damaged |" in report
