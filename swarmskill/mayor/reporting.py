"""Performs Report: writes what a person and a program want to keep of a run."""

from __future__ import annotations

from swarmskill.codec import dump_json
from swarmskill.core.state import State
from swarmskill.ledger import read_ledger
from swarmskill.mayor.kindred import family_of
from swarmskill.places import RunFolder
from swarmskill.views.report import report_markdown
from swarmskill.views.run_json import run_document
from swarmskill.writing import replace_file


def write_report(folder: RunFolder, state: State, now: float) -> None:
    """Write `report.md` and `report.json` into the run's folder. Raises OSError."""
    events = read_ledger(folder.ledger).events
    family = family_of(folder, events, state, held=True)
    replace_file(folder.report, report_markdown(state, events, folder, now, family=family).encode("utf-8", "replace"))
    replace_file(folder.report.with_suffix(".json"), dump_json(run_document(state, events, now)).encode())
