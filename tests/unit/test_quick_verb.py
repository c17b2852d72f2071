"""`swarm status` is read without typer, and means the same."""

from __future__ import annotations

from functools import partial

import pytest
from typer.main import get_command

from swarmskill.cli.app import application
from swarmskill.cli.quick import quick_verb
from swarmskill.cli.standing import show_status

QUICK = [
    ["status"],
    ["status", "otter"],
    ["status", "--json"],
    ["status", "--all", "otter"],
    ["status", "a", "--json", "--all"],
]
LEFT_TO_TYPER = [
    [], ["status", "--help"], ["status", "-h"], ["status", "--watch"], ["status", "-w"], ["status", "--jsn"],
    ["status", "a", "b"], ["status", "--", "a"], ["status", "--json=yes"], ["--json", "status"], ["statu"], ["runs"],
]  # fmt: skip


@pytest.mark.parametrize("words", QUICK, ids=" ".join)
def test_plain_words_are_read_as_typer_reads_them(words: list[str]) -> None:
    quick = quick_verb(words)
    assert isinstance(quick, partial)
    assert quick.func is show_status
    read = get_command(application("status")).commands["status"].make_context("status", words[1:]).params
    assert (quick.args or ("",)) == (read["run"],)
    assert quick.keywords == {"everything": read["everything"], "as_json": read["json"]}
    assert not read["watch"]


@pytest.mark.parametrize("words", LEFT_TO_TYPER, ids=" ".join)
def test_anything_else_is_left_to_typer(words: list[str]) -> None:
    assert quick_verb(words) is None
