"""A run with the runs below it: the tree, the roll-up of costs, the lines of the live tree."""

from __future__ import annotations

from pathlib import Path

from swarmskill.lineage import Kin, Origin, Relative
from swarmskill.model import Task, Usage
from swarmskill.places import RunFolder
from swarmskill.views.cost import By, cost_document, cost_table, family_rows
from swarmskill.views.kinship import Family
from swarmskill.views.nested import nested_lines
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
    assert line.startswith("run 20261121-1201-calm-fox  running, 0 of 2 tasks, 1 worker,")
    assert line.endswith("$0.38")


def test_a_run_that_cannot_be_read_is_shown_as_such() -> None:
    family, now = a_family()
    broken = Relative(family.relatives[1].kin, (), Story().state, held=False, trouble="line 3 is damaged")
    shown = Family.of([family.top, broken])
    assert "run 20261121-1201-calm-fox  cannot be read: line 3 is damaged" in tree_text(shown, now)
    assert "cannot be read" in cost_table(shown, By.TASK)
    assert family_document(shown, now)["tasks"][1]["runs"][0]["problem"] == "line 3 is damaged"
