"""Agents' words on one line of a terminal, and foreign JSON read without surprises."""

from __future__ import annotations

from typing import Any

import pytest

from swarmskill.agents.text import ACTION_LENGTH, as_object, count, one_line, rows, table, text, tool_action


@pytest.mark.parametrize(
    ("line", "document"),
    [
        ('{"a": 1}', {"a": 1}),
        ('  {"a": {"b": []}}\r', {"a": {"b": []}}),
        ("[1, 2]", {}),
        ("null", {}),
        ('{"a": 1', {}),
        ('{"a": 1} {"b": 2}', {}),
        ("plain words", {}),
        ("", {}),
        ("\ud800{", {}),
        ("{" * 100_000, {}),
    ],
)
def test_a_line_that_is_no_object_is_an_empty_one(line: str, document: dict[str, Any]) -> None:
    assert as_object(line) == document


@pytest.mark.parametrize("value", [None, 1, "a", [], {"a": None}, {"a": {"b": 1}}, {"a": [{"b": {}}]}])
def test_what_is_not_below_the_keys_is_an_empty_table(value: Any) -> None:
    assert table(value, "a", "b") == {}


def test_a_table_is_found_below_its_keys() -> None:
    assert table({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert table({"c": 1}) == {"c": 1}


def test_only_objects_are_rows() -> None:
    assert rows([{"a": 1}, None, "b", [], {}]) == [{"a": 1}, {}]
    assert rows({"a": 1}) == rows(None) == rows("ab") == []


def test_only_strings_are_texts_and_only_whole_numbers_are_counts() -> None:
    assert [text(value) for value in ("a", None, 1, [])] == ["a", "", "", ""]
    assert [count(value) for value in (3, 0, -1, True, 2.5, "3", None, 10**30)] == [3, 0, 0, 0, 0, 0, 0, 10**30]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain\n", "plain"),
        ("\x1b[1;31mred\x1b[0m  and   \tspaces\r\n", "red and spaces"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (" 10 %\r 20 %\r 30 %", "30 %"),
        ("\x00\x07bell\x9b", "bell"),
        ("\x1b[", ""),
        ("", ""),
        ("x" * 1000, "x" * (ACTION_LENGTH - 1) + "…"),
        ("y" * ACTION_LENGTH, "y" * ACTION_LENGTH),
    ],
)
def test_a_line_is_shown_as_a_terminal_would(line: str, shown: str) -> None:
    assert one_line(line) == shown


@pytest.mark.parametrize(
    ("tool", "given", "action"),
    [
        ("Bash", {"command": "pytest -q\ntests", "description": "Run the tests"}, "$ pytest -q tests"),
        ("shell", {"command": ["git", "status"]}, "$ git status"),
        ("Write", {"file_path": "/w/t/src/a.py", "content": "x"}, "Write src/a.py"),
        ("Write", {"file_path": "/w/tree/a.py"}, "Write /w/tree/a.py"),
        ("read", {"filePath": "a.py"}, "read a.py"),
        ("Grep", {"pattern": "def main", "path": "/w/t/src"}, "Grep src"),
        ("Grep", {"pattern": "def main"}, "Grep def main"),
        ("Agent", {"prompt": "do it", "description": "worker a"}, "Agent worker a"),
        ("TodoWrite", {"todos": []}, "TodoWrite"),
        ("Odd", {"command": {"a": 1}, "file_path": None, "query": 3}, "Odd"),
        ("", {}, ""),
    ],
)
def test_the_use_of_a_tool_is_told_in_a_few_words(tool: str, given: dict[str, Any], action: str) -> None:
    assert tool_action(tool, given, "/w/t") == action
