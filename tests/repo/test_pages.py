"""The pages in references/ say what the code does."""

from __future__ import annotations

import inspect
import re
from enum import StrEnum
from pathlib import Path

import pytest

from swarmskill import settings
from swarmskill.agents.pool import parse_pool
from swarmskill.cli.run import run
from swarmskill.config import AgentOptions, Price, Share, WorktreeSetup
from tests.repo.pages import errors_page

REFERENCES = Path(__file__).parents[2] / "references"


def test_the_page_of_errors_is_made_from_the_classes(rewrite: bool) -> None:
    page = REFERENCES / "errors.md"
    if rewrite:
        page.write_text(errors_page(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == errors_page(), "make it anew: pytest tests/repo/test_pages.py --rewrite"


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading of configuration.md, by their first cell."""
    text = (REFERENCES / "configuration.md").read_text(encoding="utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def test_every_setting_is_on_the_page_in_the_order_of_the_code() -> None:
    assert list(table("Settings")) == list(settings._DECODERS)


@pytest.mark.parametrize("key", settings._DECODERS)
def test_the_row_of_a_setting(key: str) -> None:
    option, variable, kind, default, _ = table("Settings")[key]
    options = inspect.signature(run).parameters
    assert option == (f"`--{key.replace('_', '-')}`" if key in options else "")
    assert variable == ("" if key in settings._TABLES else f"`SWARM_{key.upper()}`")
    value = settings.every_setting({})[key].value
    if isinstance(value, StrEnum):
        assert kind == ", ".join(f"`{choice}`" for choice in type(value))
    if key == "agent":
        assert value == parse_pool(default.strip("`"))
    elif key != "worktree":
        assert default == default_text(value)


def default_text(value: object) -> str:
    if isinstance(value, bool):
        return f"`{value}`".lower()
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`" if value else "none"


def test_every_key_of_the_worktree_is_on_the_page() -> None:
    assert set(table("Worktrees")) == set(settings._WORKTREE) == set(WorktreeSetup.__dataclass_fields__)


def test_every_key_of_an_agent_and_of_a_price_is_on_the_page() -> None:
    rows = table("Agents")
    assert set(rows) - {"`agent` is"} >= set(settings._AGENT) == set(AgentOptions.__dataclass_fields__)
    assert set(table("Prices")) == set(settings._PRICE) == set(Price.__dataclass_fields__)


def test_every_other_option_of_run_is_on_the_page() -> None:
    named = {re.match(r"--[a-z-]+", option)[0] for option in table("Other options of `swarm run`")}
    others = {
        f"--{name.rstrip('_').replace('_', '-')}"
        for name in inspect.signature(run).parameters
        if name not in settings._DECODERS
    }
    assert named == others - {"--tasks"}


def test_the_examples_are_sound(tmp_path: Path) -> None:
    text = (REFERENCES / "configuration.md").read_text(encoding="utf-8")
    found = {}
    for example in re.findall(r"```toml\n(.*?)```", text, re.S):
        (tmp_path / "swarm.toml").write_text(example)
        found |= settings.effective(settings.load_sources({}, {}, tmp_path, tmp_path / "none"))
    assert found["timeout"].value == 1200
    assert found["cross_cutting"].value[0].command == "npm test"
    assert found["agent"].value == (Share("claude", 3), Share("codex", 2))
    assert found["agents"].value["codex"].args == ("-c", "model_reasoning_effort=low")
    assert found["prices"].value["gpt-5*"].cached == 0.125
