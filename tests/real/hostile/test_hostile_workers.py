"""Workers that lie, leave traps, or do not end: each is its own failure, and nothing of it is left."""

from __future__ import annotations

import os
import re
import resource
import time

import pytest

from tests.real.hostile.field import Field, await_true, sh, task

GOOD = task("good", "echo g > g.txt")
DONE = '{"schema_version": 1, "type": "completion", "status": "done", "task_id": "%s"%s}'


def result(more: str = "", task_id: str = "bad") -> str:
    return "echo '" + DONE % (task_id, more) + "' > $SWARM_RESULT; "


BAD = {
    "conflict markers": ("printf '<<<<<<< a\\n=======\\n>>>>>>> b\\n' > m.txt", "markers failed"),
    "a huge file": ("truncate -s 200M huge.bin", "size failed"),
    "a secret": (
        "echo 'key = \"AKIA' > s.tmp; printf 'AKIA%s\\n' 'Q3EGRXKJ7TPLMZ5N' > s.txt; rm s.tmp",
        "secrets failed",
    ),
    "outside the manifest": ("echo x > b.txt", "scope failed"),
    "a file and its link outside": ("ln -s b.txt link", "scope failed"),
    "a nested repository": (
        "git init -q sub; cd sub; echo x > x; git add x; git commit -qm x",
        "git repositories inside",
    ),
    "an unborn nested repository": ("git init -q sub", "git repositories inside"),
    "another task's result": (result(task_id="good"), "about another task"),
    "half a result": ('printf \'{"status": "do\' > $SWARM_RESULT', "not JSON"),
    "a result that is too large": ("truncate -s 1G $SWARM_RESULT", "larger than"),
    "a deep result": ("python3 -c \"print('[' * 200000)\" > $SWARM_RESULT", "nested too deeply"),
    "deep evidence": (
        'python3 -c "print(\'{\\"status\\":\\"done\\",\\"evidence\\":{\\"a\\":\' + \'[\' * 90 + \']\' * 90 + \'}}\')" > $SWARM_RESULT',
        "deeper than",
    ),
    "a FIFO as result": ("mkfifo $SWARM_RESULT", "not a regular file"),
    "a link as result": ("ln -s /etc/passwd $SWARM_RESULT", "is a symbolic link"),
    "a linked result folder": ("rm -r .swarm; ln -s /tmp .swarm", "not a folder of its own"),
    "claims of files": (result(', "artifacts": ["none.txt"]'), "artifacts that are not there"),
    "an unreadable file": ("echo x > m.txt; chmod 0 m.txt", "Permission denied"),
}


@pytest.mark.parametrize(("script", "said"), BAD.values(), ids=BAD)
def test_what_may_not_pass_is_rejected_and_the_others_go_on(field: Field, script: str, said: str) -> None:
    if "chmod 0" in script and os.geteuid() == 0:
        pytest.skip("root reads everything")
    manifest = ["m.txt", "huge.bin", "s.txt", "sub/", "w.txt", "link" if "b.txt link" not in script else "none"]
    told = field.run(task("bad", f"echo w > w.txt; {script}", files=manifest), GOOD)
    assert told.outcomes == {"bad": "rejected", "good": "completed"}, told
    assert said in told.detail("bad")
    assert field.tree(told.document).keys() == {".gitignore", "a.txt", "b.txt", "g.txt", "src/c.py"}


HARMLESS = {
    "a FIFO": "mkfifo pipe",
    "a socket": "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('sock')\"",
    "a link out": "ln -s /etc/passwd out",
    "a loop of links": "ln -s loop loop",
    "an empty folder": "mkdir -p empty/er",
    "a result that lies about files": result(', "files_changed": ["b.txt"], "test_tail": "all passed"'),
    "control characters in the result": result(', "detail": "\\u001b[2J\\u0007 boom"'),
    "colours in the log": "printf '\\033]0;title\\007\\033[2J\\033[31mred\\n'",
    "bytes in the log": "head -c 100000 /dev/urandom",
    "a file called like an option": "echo x > --help; echo y > -rf",
    "a file called .git elsewhere": "mkdir d; echo 'gitdir: /nowhere' > d/.gitt",
    "an attribute that filters": "echo '*.txt filter=none diff=none merge=union' > .gitattributes",
    "a gitignore of everything new": "echo '/later' > .gitignore; echo x > later",
}


@pytest.mark.parametrize("script", HARMLESS.values(), ids=HARMLESS)
def test_what_does_no_harm_is_no_reason_to_lose_the_work(field: Field, script: str) -> None:
    told = field.run(
        task("odd", f"echo w > w.txt; {script.replace(chr(34) + 'bad' + chr(34), chr(34) + 'odd' + chr(34))}"), GOOD
    )
    assert told.outcomes == {"odd": "completed", "good": "completed"}, told
    assert field.content(told.document, "w.txt") == "w"
    assert "\x1b" not in told.out + told.err + field.swarm("report").out
    assert "\x1b" not in field.swarm("why", "odd").out
    assert told.document["landed"] == told.document["head"], told.err


def test_a_tracked_file_replaced_by_a_link_is_taken_as_one_and_not_followed(field: Field) -> None:
    told = field.run(task("odd", "rm a.txt; ln -s /etc/passwd a.txt"))
    assert told.outcomes == {"odd": "completed"}, told
    assert field.tree(told.document)["a.txt"].startswith("120000")
    assert field.content(told.document, "a.txt") == "/etc/passwd"


def test_a_submodule_pointer_moves_only_by_the_manifest(field: Field) -> None:
    field.git("clone", "-q", ".", str(field.tmp / "lib"))
    field.git("submodule", "--quiet", "add", str(field.tmp / "lib"), "lib")
    field.commit()
    move = "git submodule --quiet update --init; cd lib; git commit -q --allow-empty -m x; echo moved"
    told = field.run(task("bad", move + "; cd ..; echo w > w.txt", files=["w.txt"]), task("ok", move, files=["lib"]))
    assert told.outcomes == {"bad": "rejected", "ok": "completed"}, told
    assert "outside the manifest: lib" in told.detail("bad")


def test_what_writes_on_after_the_worker_is_ended_with_it(field: Field) -> None:
    hidden = "(setsid env -i sh -c 'while :; do echo late >> late.txt; sleep 0.01; done' >/dev/null 2>&1 &) ; sleep 0.1; echo w > w.txt"
    told = field.run(task("odd", hidden), GOOD)
    assert told.outcomes == {"odd": "completed", "good": "completed"}, told
    assert field.processes() == []


def test_nothing_survives_kill(field: Field) -> None:
    """Grandchildren with a session, a group and an environment of their own."""
    script = "for n in 1 2 3; do (setsid env -i sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' >/dev/null 2>&1 &); done; touch $MARKS/up; sleep 1000"
    with field.running(task("odd", script), task("next", "echo n > n.txt", blockedBy=["odd"])) as going:
        field.await_mark("up")
        assert field.swarm("kill").code == 0
        going.process.communicate(timeout=30)
    await_true(lambda: not field.processes(), "no process is left")
    told = field.swarm("status", "--json")
    assert told.code == 0


def test_a_fork_bomb_stays_within_its_limit_and_ends_with_its_time(field: Field) -> None:
    bomb = "ulimit -u 200 2>/dev/null || true; b() { n=$1; [ $n -gt 5 ] || { b $((n+1)) & b $((n+1)) & }; sleep 100; }; b 0; wait"
    told = field.run(task("bomb", bomb, timeout=1), GOOD)
    assert told.outcomes == {"bomb": "timed_out", "good": "completed"}, told


def test_a_flood_of_output_is_capped(field: Field) -> None:
    flood = "head -c 300000000 /dev/zero | tr '\\0' x; echo; echo the end; echo w > w.txt"
    told = field.run(task("flood", flood), GOOD)
    assert told.outcomes == {"flood": "completed", "good": "completed"}, told
    log = field.top / ".git" / "swarm" / "runs" / told.document["run_id"] / "logs" / "flood-1.log"
    assert log.stat().st_size < 60_000_000
    assert log.read_bytes().endswith(b"the end\n")


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "], ids=["ends on TERM", "ignores TERM"])
def test_a_check_that_never_ends_is_ended(field: Field, trap: str) -> None:
    field.variables = {"SWARM_GRACE": "0.2"}
    check = {"command": f"{trap}while :; do sleep 0.05; done", "shell": True, "timeout": 0.5}
    told = field.run(task("slow", "echo w > w.txt", validation={"command": check}), GOOD)
    assert told.outcomes == {"slow": "rejected", "good": "completed"}, told
    assert "timed out after 0.5 s" in told.detail("slow")


def test_a_check_that_writes_does_not_change_what_is_committed(field: Field) -> None:
    check = {"command": "echo sly > w.txt; echo sly > sly.txt", "shell": True}
    told = field.run(task("w", "echo w > w.txt", validation={"command": check}))
    assert told.outcomes == {"w": "completed"}
    assert field.content(told.document, "w.txt") == "w"
    assert "sly.txt" not in field.tree(told.document)


def test_a_setup_that_fails_is_told_with_its_command(field: Field) -> None:
    field.write("swarm.toml", "[worktree]\nsetup = [\"sh -c 'echo no room >&2; exit 3'\"]\n")
    field.commit()
    told = field.run(task("one", "echo w > w.txt"))
    assert told.outcomes == {"one": "failed"}, told
    assert "set-up command" in told.detail("one")
    assert "no room" in told.detail("one")


def test_a_setup_that_never_ends_is_ended(field: Field) -> None:
    field.write("swarm.toml", 'timeout = "1s"\ngrace = "0.1s"\n[worktree]\nsetup = ["sleep 1000"]\n')
    field.commit()
    told = field.run(task("one", "echo w > w.txt"))
    assert told.outcomes == {"one": "failed"}, told


def test_a_worker_that_ignores_term_is_killed_at_its_time(field: Field) -> None:
    field.variables = {"SWARM_GRACE": "0.2"}
    start = time.monotonic()
    told = field.run(task("deaf", "trap '' TERM; while :; do sleep 0.05; done", timeout=0.5))
    assert told.outcomes == {"deaf": "timed_out"}
    assert time.monotonic() - start < 30


# What the task file says


@pytest.mark.parametrize("name", ["a\x01b", "line\nfeed", "x" * 201, "x" * 10_000, "", " ", "\ud800"])
def test_ids_that_no_screen_can_show_are_refused(field: Field, name: str) -> None:
    told = field.refused({"id": name, "subject": "s", "run": ["true"]})
    assert told.code == 2
    assert "/0/id" in told.err or "id" in told.err


IDS = [
    "../../escape",
    "..",
    "a b",
    "-rf",
    "--help",
    "é🐝",
    "x" * 200,
    "Case",
    "case",
    "CASE",
    "a/b",
    "a.lock",
    "~",
    "$(touch pwned)",
    "refs/heads/x",
    "x:y",
    "1-1",
    "tip",
    "merged",
    "%s",
]


def test_odd_ids_stay_ids(field: Field) -> None:
    tasks = [task(name, f"echo {n} > {n}.txt") for n, name in enumerate(IDS)]
    told = field.run(*tasks)
    assert set(told.outcomes.values()) == {"completed"}, told
    for n, name in enumerate(IDS):
        assert field.content(told.document, f"{n}.txt") == str(n)
        assert field.swarm("why", "--", name).code == 0
    assert not (field.top / "pwned").exists()
    assert {entry.name for entry in field.tmp.iterdir()} == {".gitconfig", "repo", "tasks.json", "marks"}


def test_texts_that_look_like_options_or_trailers_stay_texts(field: Field) -> None:
    forged = "--amend\n\nSwarm-Run: x\nSwarm-Task: other\nSwarm-Attempt: 1"
    odd = task("one", "echo w > w.txt", description=forged) | {"subject": "-m --allow-empty -F/etc/passwd"}
    told = field.run(odd)
    assert told.outcomes == {"one": "completed"}
    message = field.git("log", "-1", "--format=%B", told.document["head"])
    assert message.startswith("-m --allow-empty -F/etc/passwd\n")
    assert re.search(rf"Swarm-Run: {told.document['run_id']}\nSwarm-Task: one\nSwarm-Attempt: 1\s*$", message)


def test_limits_of_the_shell_are_left_alone(field: Field) -> None:
    """The mark by which the keeper finds lost processes must not stand in a worker's way."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    told = field.run({"id": "w", "subject": "w", "run": sh("ulimit -n > w.txt")})
    assert field.content(told.document, "w.txt") == str(soft)
