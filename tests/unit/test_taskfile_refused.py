"""Task files that are wrong: each is refused with the place and the fix."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from swarmskill.errors import InputError
from swarmskill.sources import document
from swarmskill.sources.taskfile import load_tasks


def refuse(path: Path | str, repo_top: Path | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        load_tasks(str(path), repo_top=repo_top)
    return caught.value


def refuse_text(folder: Path, text: str | bytes, name: str = "t.json") -> InputError:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return refuse(folder / name)


def refuse_value(folder: Path, value: Any) -> InputError:
    return refuse_text(folder, json.dumps(value))


def task(number: int | str = 1, **keys: Any) -> dict[str, Any]:
    return {"id": number, "subject": "s"} | keys


_MEMORY = "wants at least 16M, which a program needs to start, and at most 1024T, found {}"

FIELDS: list[tuple[dict[str, Any], str, str, str]] = [
    # ids
    ({"id": None}, "", "the task has no id", 'add "id": 1'),
    ({"id": ""}, "/id", "the id is empty", "give the task an id"),
    ({"id": " \t"}, "/id", "the id is empty", "give the task an id"),
    ({"id": " a"}, "/id", 'the id " a" begins or ends with a blank', 'write "a"'),
    ({"id": "a\nb"}, "/id", 'the id "a\\nb" holds a control character', "remove it"),
    ({"id": "a\u200bb"}, "/id", 'the id "a\\u200bb" holds a control character', "remove it"),
    (
        {"id": "x" * 201},
        "/id",
        "the id has 201 characters, the limit is 200",
        "shorten it, and keep the long form in the subject",
    ),
    (
        {"id": True},
        "/id",
        "wants text or a whole number as an id, found a boolean (true)",
        "write it in double quotes",
    ),
    ({"id": 1.5}, "/id", "wants text or a whole number as an id, found a number (1.5)", "write it in double quotes"),
    ({"id": [1]}, "/id", "wants text or a whole number as an id, found a list", "write it in double quotes"),
    # text
    ({"subject": None}, "", "the task has no subject", 'add "subject": "what is to be done"'),
    ({"subject": None, "title": "x"}, "", "the task has no subject", 'rename "title" to "subject"'),
    ({"subject": " "}, "/subject", "is blank", "say in a few words what is meant"),
    (
        {"subject": "a\nb"},
        "/subject",
        '"a\\nb" holds a control character or a line break',
        "write one line of plain text",
    ),
    ({"description": ["a"]}, "/description", "wants text, found a list", "write it in double quotes"),
    ({"description": "a\0"}, "/description", "holds a NUL character", "remove it"),
    ({"owner": 3}, "/owner", "wants text, found a number (3)", "write it in double quotes"),
    # numbers, flags, words
    (
        {"priority": True},
        "/priority",
        "wants a whole number, found a boolean (true)",
        "write 0 (first) to 4 (last)",
    ),
    ({"priority": "1"}, "/priority", 'wants a whole number, found text ("1")', "write 0 (first) to 4 (last)"),
    ({"priority": 1.5}, "/priority", "wants a whole number, found a number (1.5)", "write 0 (first) to 4 (last)"),
    (
        {"priority": 10**9},
        "/priority",
        "wants a number from -1000000 to 1000000, found 1000000000",
        "write 0 (first) to 4 (last)",
    ),
    ({"max_retries": -1}, "/max_retries", "wants a number from 0 to 100, found -1", "write 0 for no retry"),
    ({"maxCost": "2.5"}, "/maxCost", 'wants US dollars, found text ("2.5")', "write 2.50"),
    ({"max_cost": True}, "/max_cost", "wants US dollars, found a boolean (true)", "write 2.50"),
    ({"max_cost": 0}, "/max_cost", "wants US dollars over 0, found 0", "write 2.50, or leave it out"),
    ({"max_cost": -1.5}, "/max_cost", "wants US dollars over 0, found -1.5", "write 2.50, or leave it out"),
    ({"max_tokens": 1.5}, "/max_tokens", "wants a whole number, found a number (1.5)", "write 500000, or leave it out"),
    (
        {"maxTokens": 0},
        "/maxTokens",
        "wants a number from 1 to 1000000000000000, found 0",
        "write 500000, or leave it out",
    ),
    ({"max_memory": "lots"}, "/max_memory", '"lots" is no amount of memory', 'write for example "4G" or "512M"'),
    ({"max_memory": "-4G"}, "/max_memory", '"-4G" is no amount of memory', 'write for example "4G" or "512M"'),
    ({"max_memory": "4 E"}, "/max_memory", '"4 E" is no amount of memory', 'write for example "4G" or "512M"'),
    (
        {"maxMemory": 1e9},
        "/maxMemory",
        "wants an amount of memory, found a number (1000000000.0)",
        'write for example "4G" or "512M"',
    ),
    (
        {"max_memory": True},
        "/max_memory",
        "wants an amount of memory, found a boolean (true)",
        'write for example "4G" or "512M"',
    ),
    ({"max_memory": 4}, "/max_memory", _MEMORY.format("4"), 'write for example "4G"'),
    ({"max_memory": "15M"}, "/max_memory", _MEMORY.format('"15M"'), 'write for example "4G"'),
    ({"max_memory": "1025T"}, "/max_memory", _MEMORY.format('"1025T"'), 'write for example "4G"'),
    (
        {"allowEmpty": "yes"},
        "/allowEmpty",
        'wants true or false, found text ("yes")',
        "write true or false, without quotes",
    ),
    ({"status": "compleet"}, "/status", '"compleet" is not a status', 'write "pending" or "completed"'),
    (
        {"status": "deleted"},
        "/status",
        "a deleted task cannot be in the list",
        'remove the task, or set "pending"',
    ),
    ({"status": 1}, "/status", "wants a status in text, found a number (1)", 'write "pending" or "completed"'),
    # durations
    ({"timeout": -3}, "/timeout", "a duration cannot be negative, found -3", 'write for example "30m"'),
    (
        {"timeout": 0},
        "/timeout",
        "a time limit of 0 would end the work before it starts",
        'write for example "30m"',
    ),
    (
        {"timeout": "soon"},
        "/timeout",
        '"soon" is not a duration',
        'write seconds as a number, or for example "90s", "30m", "2h"',
    ),
    (
        {"timeout": True},
        "/timeout",
        "wants a duration, found a boolean (true)",
        'write seconds as a number, or for example "30m"',
    ),
    ({"estimate": -1}, "/estimate", "a duration cannot be negative, found -1", 'write for example "30m"'),
    (
        {"estimate": "9000000h"},
        "/estimate",
        'a duration of over a year, found "9000000h"',
        'write for example "30m"',
    ),
    (
        {"estimate": ""},
        "/estimate",
        '"" is not a duration',
        'write seconds as a number, or for example "90s", "30m", "2h"',
    ),
    # lists and objects
    ({"files": "a.py"}, "/files", 'wants a list of paths, found text ("a.py")', 'write ["a.py"]'),
    ({"blockedBy": 3}, "/blockedBy", "wants a list of ids, found a number (3)", "write [3]"),
    ({"blockedBy": {}}, "/blockedBy", "wants a list of ids, found an empty object", "write [ ... ]"),
    ({"metadata": []}, "/metadata", "wants an object, found an empty list", "write { ... }"),
    ({"requires": ["x"]}, "/requires", "wants an object, found a list", "write { ... }"),
    (
        {"requires": {"tags": [1]}},
        "/requires/tags/0",
        "wants text, found a number (1)",
        "write it in double quotes",
    ),
    # programs
    (
        {"run": []},
        "/run",
        "names no program",
        'write for example ["python3", "tools/make.py"], or remove the key',
    ),
    (
        {"run": "a 'b"},
        "/run",
        '"a \'b" cannot be split into words: no closing quotation',
        'write a list: ["python3", "tools/make.py"]',
    ),
    ({"run": ["a", 1]}, "/run/1", "wants text, found a number (1)", "write it in double quotes"),
    ({"run": ["a\0"]}, "/run/0", "holds a NUL character", "remove it"),
    # the same twice
    ({"blockedBy": [], "blocked_by": []}, "/blocked_by", "is the same as /0/blockedBy", "keep one of them"),
    (
        {"files": ["a"], "metadata": {"files": ["b"]}},
        "/metadata/files",
        "differs from /0/files",
        "keep one of them",
    ),
]

PATHS = [
    ("", "the path is empty", "write a path relative to the repository's top, or remove the entry"),
    ("/etc/passwd", 'the path "/etc/passwd" is absolute', "write it relative to the repository's top"),
    ("C:/x", 'the path "C:/x" is absolute', "write it relative to the repository's top"),
    ("../x", 'the path "../x" goes up', "name a path inside the repository"),
    ("a/../b", 'the path "a/../b" goes up', 'write "b"'),
    ("a/..", 'the path "a/.." goes up', 'write "."'),
    ("~/x", 'the path "~/x" is in a home folder', "write a path relative to the repository's top"),
    ("a\\b", 'the path "a\\\\b" holds a backslash', 'write "a/b"'),
    ("a\0b", 'the path "a\\u0000b" holds a control character', "remove it"),
    (".git/hooks", 'the path ".git/hooks" is inside .git, which no task may write', "remove the entry"),
    ("sub/.GIT/x", 'the path "sub/.GIT/x" is inside .git, which no task may write', "remove the entry"),
    ("./.swarm/x", 'the path "./.swarm/x" is inside .swarm, which no task may write', "remove the entry"),
    ("x" * 1025, "the path has 1025 characters in 1 parts, the limits are 1024 and 100", "claim a folder above it"),
    ("x/" * 100, "the path has 200 characters in 101 parts, the limits are 1024 and 100", "claim a folder above it"),
    (7, "wants a path in text, found a number (7)", "write it in double quotes"),
]

COMMAND_FIX = 'write the command as text: "pytest -q"'
CHECKS = [
    ([], "", "wants an object, found an empty list", "write { ... }"),
    (
        {"files_exist": ["/x"]},
        "/files_exist/0",
        'the path "/x" is absolute',
        "write it relative to the repository's top",
    ),
    ({"files_exist": "x"}, "/files_exist", 'wants a list of paths, found text ("x")', 'write ["x"]'),
    (
        {"content_check": {"pattern": "x"}},
        "/content_check",
        "names no file to look into",
        'add "file": "path/of/the/file"',
    ),
    (
        {"contentCheck": {"file": "a"}},
        "/contentCheck",
        "has no pattern to look for",
        'add "pattern": "a regular expression"',
    ),
    (
        {"content_check": [{"file": "a", "pattern": "("}]},
        "/content_check/0/pattern",
        '"(" is not a regular expression: missing ), unterminated subpattern at position 0',
        'mend it, or look for the very text: "\\\\("',
    ),
    (
        {"content_check": {"file": "a", "patterns": ["ok", 3]}},
        "/content_check/patterns/1",
        "wants a regular expression, found a number (3)",
        'write for example "def login"',
    ),
    ({"tests": ["pytest", "-q"]}, "/tests", "wants a command, found a list", COMMAND_FIX),
    ({"tests": " "}, "/tests", 'wants a command, found text (" ")', COMMAND_FIX),
    ({"command": {"shell": True}}, "/command/command", "wants a command, found null", COMMAND_FIX),
    (
        {"lint": "echo 'x"},
        "/lint",
        '"echo \'x" cannot be split into words: no closing quotation',
        'close the quotes, or write {"command": "...", "shell": true}',
    ),
    ({"lint": '""'}, "/lint", '"\\"\\"" names no program', COMMAND_FIX),
    (
        {"lint": {"command": "x", "shell": "no"}},
        "/lint/shell",
        'wants true or false, found text ("no")',
        "write true or false, without quotes",
    ),
    (
        {"custom": {"command": "x", "timeout": -1}},
        "/custom/timeout",
        "a duration cannot be negative, found -1",
        'write for example "30m"',
    ),
    (
        {"cross_cutting": {"name": "x"}},
        "/cross_cutting",
        "wants a list of checks, found an object",
        "write [ ... ]",
    ),
    (
        {"cross_cutting": [{"type": "test", "command": "x"}]},
        "/cross_cutting/0/type",
        '"test" is no type of check',
        "write one of files_exist, content_check, lint, tests, command, custom",
    ),
    (
        {"cross_cutting": [{"type": "files_exist"}]},
        "/cross_cutting/0",
        "wants one list of files",
        'write "files_exist": ["path/of/a/file"]',
    ),
]

ROOTS = [
    ([], "", "the list has no tasks", 'add one: {"id": 1, "subject": "..."}'),
    ({"tasks": []}, "/tasks", "the list has no tasks", 'add one: {"id": 1, "subject": "..."}'),
    ({"tasks": {}}, "/tasks", "wants a list of tasks, found an object", 'write "tasks": [ ... ]'),
    ({}, "", 'has no "tasks"', 'write {"tasks": [{"id": 1, "subject": "..."}]}'),
    ("x", "", 'wants a list of tasks, found text ("x")', 'write [{"id": 1, "subject": "..."}]'),
    (None, "", "wants a list of tasks, found null", 'write [{"id": 1, "subject": "..."}]'),
    (task(), "", "is a single task, not a list", "put [ and ] around it"),
    ([5], "/0", "wants a task, found a number (5)", 'write {"id": 1, "subject": "..."}'),
    (
        {"tasks": [task()], "defaults": 3},
        "/defaults",
        "wants an object, found a number (3)",
        'write "defaults": { ... }',
    ),
    (
        {"tasks": [task()], "defaults": {"id": 9}},
        "/defaults/id",
        '"id" belongs to one task',
        "move it into the task",
    ),
    (
        {"tasks": [task(), task(2)], "defaults": {"timeout": -1}},
        "/defaults/timeout",
        "a duration cannot be negative, found -1",
        'write for example "30m"',
    ),
    (
        {"tasks": [task()], "cross_cutting": "pytest"},
        "/cross_cutting",
        'wants a list of checks, found text ("pytest")',
        'write ["pytest"]',
    ),
    ([task(metadata={"n": 2**70})], "/0/metadata/n", "is a number of more than 64 bits", "write it as text, in quotes"),
    (
        [task(metadata={"a/b~": "\ud800"})],
        "/0/metadata/a~1b~0",
        '"\\ud800" is not valid Unicode',
        "remove the lone surrogate",
    ),
]

EDGES = [
    (
        [task(), task(2, blockedBy=["1", 12])],
        "/1/blockedBy/1",
        'no task has the id "12"; the nearest are "2", "1"',
        'write "2", or add the task',
    ),
    ([task(blocks=["zzz"])], "/0/blocks/0", 'no task has the id "zzz"', "add the task, or remove this entry"),
    (
        [task("login"), task("tokens", blocked_by=["logn"])],
        "/1/blocked_by/0",
        'no task has the id "logn"; the nearest are "login"',
        'write "login", or add the task',
    ),
    ([task(blockedBy=[1])], "/0/blockedBy/0", 'task "1" waits for itself', "remove this entry"),
    ([task(blocks=[1])], "/0/blocks/0", 'task "1" waits for itself', "remove this entry"),
    (
        [task(), task("1")],
        "/1/id",
        'the id "1" is used twice, first at /0/id',
        "give one of the two tasks another id",
    ),
    (
        [task(3, blockedBy=[5]), task(5, blockedBy=[3])],
        "/0/blockedBy/0",
        "these tasks wait for each other: 3 -> 5 -> 3",
        "remove one of these blockers",
    ),
    (
        [task(1, blocks=[2]), task(2, blocks=[3]), task(3, blocks=[1])],
        "/2/blocks/0",
        "these tasks wait for each other: 1 -> 3 -> 2 -> 1",
        "remove one of these blockers",
    ),
    (
        [task(n, blockedBy=[(n + 1) % 50]) for n in range(50)],
        "/0/blockedBy/0",
        "these tasks wait for each other: 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> (44 more) -> 0",
        "remove one of these blockers",
    ),
]

CASES = [
    *(([task() | keys], f"/0{place}", text, fix) for keys, place, text, fix in FIELDS),
    *(([task(files=[path])], "/0/files/0", text, fix) for path, text, fix in PATHS),
    *(([task(validation=value)], f"/0/validation{place}", text, fix) for value, place, text, fix in CHECKS),
    *ROOTS,
    *EDGES,
]


@pytest.mark.parametrize(("value", "place", "problem", "hint"), CASES)
def test_a_wrong_value_is_refused_with_place_and_fix(
    tmp_path: Path, value: Any, place: str, problem: str, hint: str
) -> None:
    error = refuse_value(tmp_path, value)
    assert (error.place, error.problem, error.hint) == (place, problem, hint)
    assert error.source == str(tmp_path / "t.json")
    assert error.message == f"{error.source}: {place}: {problem}" if place else f"{error.source}: {problem}"


JSON_TEXTS = [
    ("", "", "the file is empty"),
    (" \n", "", "the file is empty"),
    ('[{"id": 1,\n "subject": x}]', "line 2, column 13", 'wants a value here, found "x}]"'),
    ('[{"id": 1},\n]', "line 1, column 11", 'a "," before the closing "]"'),
    ('[{"id": 1,}]', "line 1, column 10", 'a "," before the closing "}"'),
    ("[{'id': 1}]", "line 1, column 3", "wants a key in double quotes here, found \"'id':\""),
    ("[\n// all\n]", "line 2, column 1", 'wants a value here, found "//"'),
    ("[True]", "line 1, column 2", 'wants a value here, found "True]"'),
    ('[{"id" 1}]', "line 1, column 8", 'wants ":" after a key, found "1}]"'),
    ("[1 2]", "line 1, column 4", 'wants "," here, found "2]"'),
    ("[1] [2]", "line 1, column 5", 'something follows the list: "[2]"'),
    ('["a', "line 1, column 2", "text that is never closed"),
    ('["a\n"]', "line 1, column 4", "a line break or control character inside text"),
    (r'["\x"]', "line 1, column 3", r'an unknown escape: "\\x\"]"'),
    ('[{"id": 1', "line 1, column 10", "the file ends in the middle of a value"),
    ("[" * 100_000, "", "is nested too deep"),
    ("[" * 150 + "]" * 150, "/0" * 100, "is nested more than 100 levels deep"),
    ("[" + "9" * 5000 + "]", "", "has a number that is too long"),
    ("[NaN]", "/0", "is not a finite number"),
    ('{"a": [-Infinity]}', "/a/0", "is not a finite number"),
    ("[1e999]", "/0", "is not a finite number"),
    ('[{"id": 1, "id": 2}]', "/0/id", "this key is there more than once"),
    ('{"wave": []}', "", "is a wave file, not a task file"),
]


@pytest.mark.parametrize(("text", "place", "problem"), JSON_TEXTS)
def test_json_that_cannot_be_read_is_refused(tmp_path: Path, text: str, place: str, problem: str) -> None:
    error = refuse_text(tmp_path, text)
    assert (error.place, error.problem) == (place, problem)
    assert error.hint


YAML_TEXTS = [
    ("- id: 1\n  subject: 'x", "line 2, column 14", "not valid YAML: found unexpected end of stream"),
    ("- id: 1\n\tsubject: x", "line 2, column 1", "not valid YAML: found character '\\t' that cannot start any token"),
    ("- subject: a: b", "line 1, column 13", "not valid YAML: mapping values are not allowed here"),
    ("- id: 1\n  id: 2\n", "line 2, column 3", 'the key "id" is there more than once'),
    ("- *nobody", "line 1, column 3", "not valid YAML: found undefined alias 'nobody'"),
    ("- !!python/name:os.system x", "line 1, column 3", "not valid YAML: could not determine a constructor"),
    ("--- []\n--- []", "line 2, column 1", "not valid YAML: but found another document"),
    ("- a\n- b\x01", "line 2, column 4", "not valid YAML: the control character U+0001"),
    ("&a [*a]", "", "holds more than 2000000 values"),
    ("- {id: .nan, subject: s}", "/0/id", "is not a finite number"),
    ("- {1: x}", "/0", "wants text as a key, found a number (1)"),
    ("- !!binary eA==", "/0", "is a bytes, which JSON does not know"),
    ("# nothing", "", "wants a list of tasks, found null"),
    ("just words", "", 'wants a list of tasks, found text ("just words")'),
    ("- {id: 1.10, subject: s}", "/0/id", "wants text or a whole number as an id, found a number (1.1)"),
    ("- " * 2000 + "x", "", "is nested too deep"),
]


@pytest.mark.parametrize(("text", "place", "problem"), YAML_TEXTS)
def test_yaml_that_cannot_be_read_is_refused(tmp_path: Path, text: str, place: str, problem: str) -> None:
    error = refuse_text(tmp_path, text, "t.yaml")
    assert (error.place, error.problem[: len(problem)]) == (place, problem)
    assert error.hint


@pytest.mark.parametrize(
    "link", ["[*{0}, *{0}, *{0}, *{0}, *{0}, *{0}]", "{{<<: [*{0}, *{0}, *{0}, *{0}, *{0}, *{0}]}}"]
)
def test_aliases_that_unfold_without_measure_are_refused_at_once(tmp_path: Path, link: str) -> None:
    lines = ["- &a0 {k: v}", *(f"- &a{n} " + link.format(f"a{n - 1}") for n in range(1, 30))]
    error = refuse_text(tmp_path, "\n".join(lines), "t.yaml")
    assert error.problem == "holds more than 2000000 values"
    assert error.hint == "split the list; in YAML, write out what aliases (*name) repeat"


def test_bytes_that_are_no_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    error = refuse_text(tmp_path, b'[{"id": 1,\n "subject": "caf\xe9"}]')
    assert (error.place, error.problem) == ("line 2", "byte 0xe9 at offset 27 is not UTF-8")
    assert error.hint.endswith(f"iconv -f ISO-8859-1 -t UTF-8 {error.source}")


def test_utf16_is_known_by_its_mark(tmp_path: Path) -> None:
    error = refuse_text(tmp_path, "[]".encode("utf-16"))
    assert error.problem == "byte 0xff at offset 0 is not UTF-8"
    assert "iconv -f UTF-16" in error.hint


def test_the_offset_counts_the_byte_order_mark(tmp_path: Path) -> None:
    error = refuse_text(tmp_path, b'\xef\xbb\xbf["\xff"]')
    assert error.problem == "byte 0xff at offset 5 is not UTF-8"


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "tasks.json").touch()
    error = refuse(tmp_path / "taks.json")
    assert error.problem == "there is no such file"
    assert error.hint == f"did you mean {tmp_path / 'tasks.json'}?"
    assert refuse(tmp_path / "no" / "x.json").hint == f"there is no folder {tmp_path / 'no'} either: check the path"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    error = refuse(tmp_path)
    assert (error.problem, error.hint) == (
        "is a folder without a file for each task (1.json, 2.json, …)",
        f"name the file with the list: {tmp_path}/tasks.json",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.touch(mode=0)
    assert refuse(path).hint == f"chmod u+r {path}"


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_a_path_that_cannot_be_one(path: str) -> None:
    assert refuse(path).problem.startswith("cannot be read: ")


def test_a_file_over_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    with path.open("wb") as file:
        file.truncate(document.MAX_BYTES + 1)
    assert refuse(path).problem == "is over 64 MiB"


def test_a_path_through_a_link_out_of_the_repository(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    (top / "src").mkdir(parents=True)
    (top / "out").symlink_to(tmp_path)
    (top / "in").symlink_to(top / "src")
    path = tmp_path / "t.json"
    path.write_text(json.dumps([task(files=["in/new.py", "src/*.py", "out/x.py"])]))
    error = refuse(path, repo_top=top)
    assert error.place == "/0/files/2"
    assert error.problem == 'the path "out/x.py" leads out of the repository through a link'
    path.write_text(json.dumps([task(files=[str(top / "src/a.py")])]))
    assert refuse(path, repo_top=top).hint == 'write "src/a.py"'


def test_several_problems_are_told_together(tmp_path: Path) -> None:
    error = refuse_value(tmp_path, [task(files=["../x"]), task(1, priority="x", blockedBy=[7])])
    assert error.message.split("\n") == [
        f'{error.source}: /0/files/0: the path "../x" goes up (fix: name a path inside the repository)',
        '  /1/priority: wants a whole number, found text ("x") (fix: write 0 (first) to 4 (last))',
        '  /1/id: the id "1" is used twice, first at /0/id (fix: give one of the two tasks another id)',
        '  /1/blockedBy/0: no task has the id "7" (fix: add the task, or remove this entry)',
    ]
    assert error.place == "/0/files/0"
    assert error.hint == f"mend these 4 places, then look again: swarm plan {error.source}"


def test_of_very_many_problems_the_first_ten_are_told(tmp_path: Path) -> None:
    lines = refuse_value(tmp_path, [task(n, blockedBy=["nobody"]) for n in range(300)]).message.split("\n")
    assert len(lines) == 11
    assert lines[-1] == "  ... and 290 more"


def test_cycles_apart_from_each_other_are_all_told(tmp_path: Path) -> None:
    edges = {1: 2, 2: 1, 3: 4, 4: 3}
    error = refuse_value(tmp_path, [task(number, blockedBy=[other]) for number, other in edges.items()])
    assert "1 -> 2 -> 1" in error.message
    assert "3 -> 4 -> 3" in error.message


def test_nothing_in_a_message_moves_the_terminal(tmp_path: Path) -> None:
    error = refuse_value(tmp_path, [{"id": "\x1b[2J\u202e", "priority": "\x9b", "files": ["\x1b]0;"]}])
    assert all(line.isprintable() for line in error.message.split("\n"))


def test_long_values_are_shown_short(tmp_path: Path) -> None:
    error = refuse_value(tmp_path, [task(priority="x" * 100_000, status="y" * 100_000, run={"z" * 9000: 1})])
    assert len(error.message) < 1000
