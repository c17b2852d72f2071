"""references/agents.md: its table has every agent and every test of the matrix, so that CI proves each cell."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.real.agents.fleet import AGENTS, program_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "real" / "agents"


def table() -> list[list[str]]:
    """The rows of the first table of the page, the header being the first."""
    text = (ROOT / "references" / "agents.md").read_text(encoding="utf-8")
    lines = text.split("## What each does")[1].split("\n\n1. ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [rows[0], *rows[2:]]


def test_every_agent_has_a_row_with_its_pinned_version() -> None:
    versions = tomllib.loads((FOLDER / "versions.toml").read_text(encoding="utf-8"))
    assert [(row[0].strip("`"), row[1]) for row in table()[1:]] == [
        (agent, versions[program_of(agent)]["version"]) for agent in AGENTS
    ]


def test_every_column_is_a_test_that_runs_for_every_agent() -> None:
    source = (FOLDER / "test_matrix.py").read_text(encoding="utf-8")
    tests = re.findall(r"^@every_agent\n(?:@.*\n)*def test_(\w+)\(", source, re.MULTILINE)
    assert table()[0][2:] == [name.replace("_", " ") for name in tests]
    assert "skip" not in source and "xfail" not in source
