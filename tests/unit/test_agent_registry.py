"""Finding agents by name: built-in, from another package, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmskill.agents.registry import BUILT_IN, agent_names, find_agent
from swarmskill.errors import UsageError


@pytest.fixture
def package(tmp_path: Path) -> Iterator[None]:
    """An installed package that offers three agents."""
    (tmp_path / "offered.py").write_text(
        "class Agent:\n    name = 'other'\n    def last_action(self, line): return line.upper()\nAGENT = Agent()\n"
    )
    info = tmp_path / "offered-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[swarmskill.agents]\nother = offered:AGENT\nbroken = offered_nowhere:AGENT\ncommand = offered:AGENT\n"
    )
    sys.path.insert(0, str(tmp_path))
    yield
    sys.path.remove(str(tmp_path))
    sys.modules.pop("offered", None)


def test_every_built_in_agent_is_called_what_the_table_says() -> None:
    assert {name: find_agent(name).name for name in BUILT_IN} == {name: name for name in BUILT_IN}


def test_an_unknown_agent_is_refused_with_the_nearest_and_all_names() -> None:
    with pytest.raises(UsageError) as caught:
        find_agent("comand")
    assert caught.value.message == "no agent is called 'comand'"
    assert "did you mean 'command'?" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        find_agent("")
    assert caught.value.hint.startswith(f"there are: {next(iter(BUILT_IN))}, ")
    assert caught.value.hint.endswith(", acp:COMMAND")


@pytest.mark.usefixtures("package")
def test_another_package_may_offer_an_agent() -> None:
    assert find_agent("other").last_action("x") == "X"
    assert "other" in agent_names()


@pytest.mark.usefixtures("package")
def test_another_package_cannot_take_the_place_of_a_built_in_agent() -> None:
    assert type(find_agent("command")).__module__ == "swarmskill.agents.command"
    assert agent_names().count("command") == 1


@pytest.mark.usefixtures("package")
def test_an_agent_that_cannot_be_loaded_names_its_package() -> None:
    with pytest.raises(UsageError) as caught:
        find_agent("broken")
    assert "offered_nowhere" in caught.value.message
    assert "offered" in caught.value.hint
