"""references/agents.md: each cell of its table is compared with what a live test sees, for every agent."""

from __future__ import annotations

import re
import tomllib

from tests.real.agents.cells import NOT_SEEN, PAGE, ROOT, table
from tests.real.agents.fleet import AGENTS, program_of

FOLDER = ROOT / "tests" / "real" / "agents"
MATRIX = (FOLDER / "test_matrix.py").read_text(encoding="utf-8")


def test_every_agent_has_a_column_with_its_pinned_version() -> None:
    versions = tomllib.loads((FOLDER / "versions.toml").read_text(encoding="utf-8"))
    header, first, *_ = table(PAGE.read_text(encoding="utf-8"))
    assert header[1:] == [f"`{agent}`" for agent in AGENTS]
    assert first == ["version", *(versions[program_of(agent)]["version"] for agent in AGENTS)]


def test_every_row_is_compared_by_a_test_that_runs_for_every_agent() -> None:
    rows = [cells[0] for cells in table(PAGE.read_text(encoding="utf-8"))[2:]]
    assert [row for row in rows if f'"{row}"' not in MATRIX] == []
    assert re.findall(r"^(?!@every_agent|@slow_with).*\ndef (test_\w+)", MATRIX, re.MULTILINE) == []
    assert "skip" not in MATRIX and "xfail" not in MATRIX
    slow = set(re.findall(r'"([^"]+)"', " ".join(re.findall(r"^@slow_with.*", MATRIX, re.MULTILINE))))
    assert slow.isdisjoint({"claude", "codex", "gemini"})


def test_no_cell_is_without_an_observation() -> None:
    rows = table(PAGE.read_text(encoding="utf-8"))[1:]
    assert [cells[0] for cells in rows if NOT_SEEN in cells or "" in cells] == []
