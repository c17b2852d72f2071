"""Bad task files and settings: refused with file, place and fix, exit code 2, before anything is made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swarmskill.agents.registry import agent_names
from tests.cli.conftest import User

GOOD = json.dumps([{"id": 1, "subject": "s", "run": "true", "allow_empty": True}])

LISTS = {
    "no file": (None, "there is no such file", "name an existing file, or - for stdin"),
    "not JSON": (b'[{"id": 1,}]', 'line 1, column 10: a "," before the closing "}"', "remove the comma"),
    "not UTF-8": (
        b"\xff[]",
        "line 1: byte 0xff at offset 0 is not UTF-8",
        "save the file as UTF-8, for example: iconv -f ISO-8859-1 -t UTF-8 t.json",
    ),
    "empty": (b"", "the file is empty", 'write a list of tasks: [{"id": 1, "subject": "..."}]'),
    "no tasks": (b"[]", "the list has no tasks", 'add one: {"id": 1, "subject": "..."}'),
    "no id": (b'[{"subject": "s"}]', "/0: the task has no id", 'add "id": 1'),
    "twice": (
        b'[{"id": 1, "subject": "s"}, {"id": "1", "subject": "t"}]',
        '/1/id: the id "1" is used twice, first at /0/id',
        "give one of the two tasks another id",
    ),
    "self": (
        b'[{"id": 1, "subject": "s", "blockedBy": [1]}]',
        '/0/blockedBy/0: task "1" waits for itself',
        "remove this entry",
    ),
    "unknown blocker": (
        b'[{"id": "model", "subject": "s"}, {"id": "login", "subject": "t", "blockedBy": ["mdel"]}]',
        '/1/blockedBy/0: no task has the id "mdel"; the nearest are "model"',
        'write "model", or add the task',
    ),
    "cycle": (
        b'[{"id": 3, "subject": "s", "blockedBy": [5]}, {"id": 5, "subject": "t", "blockedBy": [3]}]',
        "/0/blockedBy/0: these tasks wait for each other: 3 -> 5 -> 3",
        "remove one of these blockers",
    ),
    "wrong type": (
        b'[{"id": 1, "subject": 7}]',
        "/0/subject: wants text, found a number (7)",
        "write it in double quotes",
    ),
    "absolute path": (
        b'[{"id": 1, "subject": "s", "files": ["/etc/passwd"]}]',
        '/0/files/0: the path "/etc/passwd" is absolute',
        "write it relative to the repository's top",
    ),
    "escaping path": (
        b'[{"id": 1, "subject": "s", "files": ["../x"]}]',
        '/0/files/0: the path "../x" goes up',
        "name a path inside the repository",
    ),
    "through a link": (
        b'[{"id": 1, "subject": "s", "files": ["out/x"]}]',
        '/0/files/0: the path "out/x" leads out of the repository through a link',
        "name what is inside the repository",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_bad_list(user: User, name: str) -> None:
    content, problem, fix = LISTS[name]
    (user.top / "out").symlink_to(user.base)
    if content is not None:
        user.write("t.json", content)
    for words in (["run", "t.json"], ["plan", "t.json"], ["run", "t.json", "--dry-run"]):
        said = user.swarm(*words)
        assert (said.out, said.err, said.code) == ("", f"error: t.json: {problem}\n hint: {fix}\n", 2)
    said = user.swarm("run", "t.json", "--json")
    assert said.document == {"error": {"code": "input", "message": f"t.json: {problem}", "hint": fix}}
    assert (said.err, said.code) == ("", 2)
    assert user.untouched


def test_bad_yaml_and_bad_standard_input(user: User) -> None:
    user.write("t.yaml", "- id: 1\n  subject: a: b\n")
    assert user.swarm("run", "t.yaml").err == (
        "error: t.yaml: line 2, column 13: not valid YAML: mapping values are not allowed here\n"
        ' hint: put text that holds ": " in quotes\n'
    )
    for verb in ("run", "plan"):
        said = user.swarm(verb, "-", stdin="[{")
        assert said.code == 2
        assert said.err == (
            "error: stdin: line 1, column 3: the file ends in the middle of a value\n"
            " hint: was it cut off? Close what is open\n"
        )
    assert user.untouched


def test_several_problems_are_told_at_once(user: User) -> None:
    user.write("t.json", '[{"id": 1}, {"id": 2, "subject": "s", "timeout": "soon"}]')
    assert user.swarm("run", "t.json").err == (
        'error: t.json: /0: the task has no subject (fix: add "subject": "what is to be done")\n'
        '  /1/timeout: "soon" is not a duration (fix: write seconds as a number, or for example "90s", "30m", "2h")\n'
        " hint: mend these 2 places, then look again: swarm plan t.json\n"
    )


TOMLS = {
    "syntax": ("a = 1\nb = \n", "swarm.toml: line 2, column 5: not valid TOML: Invalid value", "mend the TOML"),
    "syntax at the end": (
        'a = """',
        "swarm.toml: the end of the file: not valid TOML: Unterminated string",
        "mend the TOML",
    ),
    "unknown key": ("max_worker = 1", "swarm.toml: /max_worker: unknown key", "write max_workers"),
    "wrong type": (
        'max_workers = "3"',
        'swarm.toml: /max_workers: wants a whole number of 1 or more, found text ("3")',
        "write 1",
    ),
    "wrong choice": (
        'schedule = "fast"',
        'swarm.toml: /schedule: wants one of rolling, wave, found text ("fast")',
        "write rolling",
    ),
    "wrong backend": (
        'backend = "screen"',
        'swarm.toml: /backend: no backend is called "screen"',
        "write process or tmux",
    ),
    "no table": ("worktree = 3", "swarm.toml: /worktree: wants a table, found a number (3)", "write [worktree]"),
    "unknown key of the worktree": ("[worktree]\nlinks = []", "swarm.toml: /worktree/links: unknown key", "write link"),
    "path that leaves": (
        '[worktree]\ncopy = ["../x"]',
        'swarm.toml: /worktree/copy/0: "../x" is not inside the repository',
        "name a path below the repository's top",
    ),
    "command that cannot be split": (
        "[worktree]\nsetup = ['a \"b']",
        'swarm.toml: /worktree/setup/0: "a \\"b" cannot be split into words: No closing quotation',
        "close the quotes",
    ),
}


@pytest.mark.parametrize("name", TOMLS)
def test_bad_settings_file(user: User, name: str) -> None:
    content, problem, fix = TOMLS[name]
    user.write("swarm.toml", content)
    user.write("t.json", GOOD)
    for words in (["run", "t.json"], ["run", "t.json", "--dry-run"]):
        said = user.swarm(*words)
        assert (said.out, said.err, said.code) == ("", f"error: {problem}\n hint: {fix}\n", 2)
    assert user.untouched


def test_settings_in_pyproject_and_of_the_user_are_named_with_their_place(user: User) -> None:
    user.write("t.json", GOOD)
    user.write("pyproject.toml", "[tool.swarm]\nmax_worker = 2\n")
    assert user.swarm("run", "t.json").err == (
        "error: pyproject.toml: /tool/swarm/max_worker: unknown key\n hint: write max_workers\n"
    )
    user.write("pyproject.toml", "[tool]\nswarm = 3\n")
    assert user.swarm("run", "t.json").err == (
        "error: pyproject.toml: /tool/swarm: wants a table, found a number (3)\n hint: write [tool.swarm]\n"
    )
    user.write("pyproject.toml", "")
    own = user.home / ".config" / "swarm" / "swarm.toml"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"\xff")
    said = user.swarm("run", "t.json", XDG_CONFIG_HOME=str(user.home / ".config"))
    assert said.err == "error: ~/home/.config/swarm/swarm.toml: is not UTF-8 (byte 0)\n hint: save it as UTF-8\n"
    assert user.untouched


THERE_ARE = f"there are: {', '.join(agent_names())}, acp:COMMAND"


@pytest.mark.parametrize(
    ("words", "problem", "fix"),
    [
        ("--max-workers 0", "--max-workers: wants a whole number of 1 or more, found a number (0)", "write 1"),
        ("--max-workers x", '--max-workers: wants a whole number of 1 or more, found text ("x")', "write 1"),
        ("--max-retries -1", '--max-retries: wants a whole number of 0 or more, found text ("-1")', "write 0"),
        (
            "--timeout soon",
            '--timeout: "soon" is not a duration',
            'write seconds as a number, or for example "90s", "30m", "2h"',
        ),
        ("--timeout 0", "--timeout: a time limit of 0 would end the work before it starts", 'write for example "30m"'),
        ("--agent-cmd a'b", '--agent-cmd: "a\'b" cannot be split into words: No closing quotation', "close the quotes"),
        ("--land wave", "--land wave needs --schedule wave", "a rolling run has no waves; use --land end"),
        (
            "--agent nobody",
            "--agent: no agent is called 'nobody'",
            THERE_ARE,
        ),
        (
            "--agent claude=2,codx",
            "--agent: no agent is called 'codx'",
            f"did you mean 'codex'? {THERE_ARE}",
        ),
        ("--agent claude=0", "--agent: 'claude=0' is no agent of a pool", "write claude, or claude=3,codex=2"),
        ("--agent qwen,qwen=2", "--agent: 'qwen,qwen=2' names an agent twice", "name each once"),
        (
            "--agent auto,codex",
            "--agent: 'auto,codex': auto stands for one agent",
            "write auto alone, or name the agents",
        ),
        ("--max-cost lots", '--max-cost: wants US dollars, found text ("lots")', "write 2.50"),
        ("--allow a'b", '--allow: /0: "a\'b" cannot be split into words: No closing quotation', "close the quotes"),
    ],
)
def test_bad_options(user: User, words: str, problem: str, fix: str) -> None:
    tasks = user.tasks({"id": 1, "subject": "s", **({} if "agent" in words else {"run": "true"})})
    said = user.swarm("run", tasks, *words.split())
    assert (said.out, said.err, said.code) == ("", f"error: {problem}\n hint: {fix}\n", 2)
    assert user.untouched


@pytest.mark.parametrize(
    ("variable", "value", "problem", "fix"),
    [
        ("SWARM_MAX_WORKERS", "x", 'wants a whole number of 1 or more, found text ("x")', "write 1"),
        ("SWARM_KEEP", "maybe", 'wants true or false, found text ("maybe")', "write true or false, without quotes"),
        ("SWARM_WORKTREE", "x", "worktree cannot be said in one word", "set it in swarm.toml"),
    ],
)
def test_bad_variables(user: User, variable: str, value: str, problem: str, fix: str) -> None:
    user.write("t.json", GOOD)
    said = user.swarm("run", "t.json", **{variable: value})
    assert (said.out, said.err, said.code) == ("", f"error: {variable}: {problem}\n hint: {fix}\n", 2)
    assert user.untouched


def test_a_misspelt_variable_is_told(user: User) -> None:
    user.write("t.json", GOOD)
    said = user.swarm("run", "t.json", "--dry-run", SWARM_MAX_WORKER="3", SWARM_OF_BEES="1")
    assert said.code == 0
    assert said.err == "warning: SWARM_MAX_WORKER is not a setting and is ignored; did you mean SWARM_MAX_WORKERS?\n"


def test_unreadable_list(user: User) -> None:
    (user.top / "folder.json").mkdir()
    said = user.swarm("run", "folder.json")
    assert (said.code, said.err) == (
        2,
        "error: folder.json: is a folder without a file for each task (1.json, 2.json, …)\n"
        " hint: name the file with the list: folder.json/tasks.json\n",
    )
    assert Path(user.top / "folder.json").is_dir()
