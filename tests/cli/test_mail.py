"""`swarm mail` and `swarm kv`, as a worker in its worktree and as a person beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from swarmskill.config import TMUX
from swarmskill.core.events import Event, Integrated, RunStarted, WorkerStarted
from swarmskill.ledger import read_ledger
from swarmskill.codec import encode_event
from swarmskill.mail.mailbox import Owner, write_owner
from swarmskill.mail.post import Post
from swarmskill.places import RunFolder
from tests.cli.conftest import Said, User, task


@dataclass
class Run:
    """A distributed run whose mayor died while two workers were at work; mail is carried when the test says so."""

    user: User
    folder: RunFolder
    post: Post

    def worker(self, *words: str, stdin: str = "", number: int = 1, **environment: str) -> Said:
        return self.user.swarm(*words, stdin=stdin, folder=self.tree(number), **environment)

    def tree(self, number: int) -> Path:
        return self.user.base / f"tree {number}"

    def carry(self) -> list[str]:
        return [message.subject for message in self.post.carry(now=0.0).messages]


def leave_at_work(folder: RunFolder) -> None:
    """Make the ledger of a run that is over one that goes no further than the start of its workers."""
    events = read_ledger(folder.ledger).events
    write_ledger(folder, [one for one in events if isinstance(one, RunStarted | WorkerStarted)])


def write_ledger(folder: RunFolder, events: Sequence[Event]) -> None:
    """The ledger of a distributed run with these events."""
    first, *rest = events
    assert isinstance(first, RunStarted)
    first = replace(first, config=replace(first.config, backend=TMUX))
    folder.ledger.write_bytes(b"".join(encode_event(event, number) for number, event in enumerate([first, *rest], 1)))


@pytest.fixture
def run(user: User) -> Run:
    user.swarm("run", user.tasks(task("1", "true", allow_empty=True), task("2.x", "true", allow_empty=True)))
    folder = RunFolder(user.folder_of())
    leave_at_work(folder)
    run = Run(user, folder, Post(folder.mail, ["1", "2.x"]))
    for number, task_id in enumerate(["1", "2.x"], 1):
        name = f"{task_id}-1"
        run.tree(number).mkdir()
        run.post.add(name, task_id, run.tree(number))
        write_owner(run.tree(number), Owner(name=name, task=task_id, run_id=folder.run_id, run_folder=str(folder.path)))
    return run


def test_a_question_and_its_answer(run: Run) -> None:
    asked = run.worker(
        "mail", "send", "mayor", "Which parser?", "--type", "HELP_REQUEST", "--field", "issue=SPEC_UNCLEAR"
    )
    assert (asked.out, asked.err, asked.code) == ("sent 1-1.000001 to mayor: [1] HELP_REQUEST\n", "", 0)
    assert run.carry() == ["[1] HELP_REQUEST"]
    assert run.user.swarm("mail", "inbox").out == "! 1-1.000001  1-1  [1] HELP_REQUEST  Issue Type: SPEC_UNCLEAR\n"
    answered = run.user.swarm("mail", "reply", "1-1.000001", "The one in lib/")
    assert answered.out.startswith("sent mayor.k")
    assert answered.out.endswith(" to 1-1: [1] HELP_RESPONSE\n")
    assert run.user.swarm("mail", "inbox").out == "no new mail\n"
    assert run.post.pending == ()
    run.carry()
    (came,) = run.worker("mail", "wait", "--type", "HELP_RESPONSE", "--timeout", "5", "--json").document["messages"]
    assert (came["text"], came["reply_to"], came["thread"], came["seen"]) == (
        "The one in lib/",
        "1-1.000001",
        "1",
        False,
    )
    shown = run.worker("mail", "read", came["id"])
    assert "subject: [1] HELP_RESPONSE\n" in shown.out
    assert shown.out.endswith("\n\nThe one in lib/\n")
    assert run.worker("mail", "inbox").out == "no new mail\n"


def test_the_same_answer_twice_is_sent_once(run: Run) -> None:
    run.worker("mail", "send", "mayor", "hm")
    run.carry()
    ids = {run.user.swarm("mail", "reply", "1-1.000001", "ok", "--json").document["id"] for _ in range(2)}
    assert len(ids) == 1


def test_a_person_writes_to_a_task_and_reads_progress(run: Run) -> None:
    assert run.user.swarm("mail", "send", "2.x", "mind the gap").out == "sent mayor.000001 to 2.x: [2.x] GUIDANCE\n"
    run.carry()
    assert run.worker("mail", "inbox", number=2).out.endswith("  mayor  [2.x] GUIDANCE  mind the gap\n")
    said = run.worker(
        "mail",
        "send",
        "mayor",
        "-",
        "--type",
        "PROGRESS",
        "-f",
        "step=tests",
        "-f",
        "context-usage=40%",
        stdin="3 of 9\n",
    )
    assert said.code == 0
    assert run.carry() == ["[1] PROGRESS"]
    (found,) = run.user.swarm("mail", "inbox", "--json").document["messages"]
    assert found["body"] == {"step": "tests", "status": "3 of 9", "context_usage": 40, "files_touched": []}
    assert run.user.swarm("mail", "threads").out.startswith(
        "1  1 message, 1 unread, last: * 1-1.000001  1-1  [1] PROGRESS"
    )


def test_who_a_worker_is_comes_from_its_assignment_where_the_current_folder_is_another(run: Run) -> None:
    tree = run.tree(1)
    (tree / ".swarm" / "mail" / "owner.json").unlink()
    names = {
        "SWARM_TASK_ID": "1",
        "SWARM_RUN_ID": run.folder.run_id,
        "SWARM_ATTEMPT": "1",
        "SWARM_REPO": str(run.user.top),
        "SWARM_RESULT": str(tree / ".swarm" / "result.json"),
    }
    assert run.user.swarm("mail", "send", "mayor", "hi", folder=run.user.base, **names).out.startswith(
        "sent 1-1.000001 "
    )
    assert run.user.swarm("kv", "put", "a", "b", folder=run.user.base, **names).out == "a has version 1\n"
    assert run.user.swarm("kv", "get", "a", "--json").document["entry"]["writer"] == "1-1"


def test_a_worker_without_a_mailbox(run: Run) -> None:
    names = {"SWARM_TASK_ID": "1", "SWARM_RUN_ID": run.folder.run_id}
    said = run.user.swarm("mail", "inbox", **names)
    assert said.err == (
        "error: worker 1-1 has no mailbox\n hint: mail is there in distributed mode: swarm run --mode=distributed\n"
    )
    assert said.code == 1


@pytest.mark.parametrize(
    ("words", "error", "code"),
    [
        ("mail send 1 x --type HELP_REQUEST -f issue=STUCK", "only a task's worker sends HELP_REQUEST", 2),
        ("mail send mayor x --type FAILED", "only a task's worker sends FAILED", 2),
        ("mail send 2.x-2 x", "run RUN has no task '2.x-2'", 2),
        ("mail reserve ../../etc", "'../../etc' is not inside the repository", 2),
        ("mail reserve a /etc/passwd", "'/etc/passwd' is not inside the repository", 2),
        ("mail export {user.base}/home/.gitconfig", "~/home/.gitconfig: cannot be written: Not a directory", 2),
        ("mail export /dev/null/x", "/dev/null/x: cannot be written: Not a directory", 2),
        ("mail read 77", "no message has the id '77'", 1),
        ("mail send 9 hello", "run RUN has no task '9'", 2),
        ("mail send mayor x -f step", "'step' is no field", 2),
        ("mail send mayor x --type UNDONE", "Invalid value for '--type': 'UNDONE' is not one of", 2),
        ("kv cas a 3 x", "key 'a' has version 0, not 3", 1),
    ],
)
def test_wrong_words(run: Run, words: str, error: str, code: int) -> None:
    said = run.user.swarm(*words.format(user=run.user).split())
    assert said.err.startswith(f"error: {error}")
    assert "\n hint: " in said.err
    assert said.code == code


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("--type FAILED", "failure: FAILED needs it"),
        ("--type FAILED -f failure=bored", "failure: 'bored' is none of TESTS_FAIL, BUILD_FAIL"),
        ("--type PROGRESS -f stepp=1", "stepp: PROGRESS has no such field; it has step, status"),
        ("--type NUDGE", "only the mayor sends NUDGE"),
    ],
)
def test_wrong_words_of_a_worker(run: Run, words: str, error: str) -> None:
    said = run.worker("mail", "send", "mayor", "x", *words.split())
    assert said.err.startswith(f"error: {error}")
    assert said.code == 2


def test_mail_that_nobody_will_read_is_not_sent(user: User) -> None:
    user.swarm(
        "run", user.tasks(task("1", "true", allow_empty=True), task("2", "true", blockedBy=["1"], allow_empty=True))
    )
    folder = RunFolder(user.folder_of())
    said = user.swarm("mail", "send", "1", "hi")
    assert said.err.startswith("error: run RUN has no mailboxes: it is not a distributed run\n hint: ")
    assert said.code == 1
    events = read_ledger(folder.ledger).events
    write_ledger(folder, events)
    said = user.swarm("mail", "send", "1", "hi")
    assert said.err.startswith("error: run RUN has no task left: nobody will read it\n hint: ")
    assert said.code == 1
    integrated = next(number for number, one in enumerate(events, 1) if isinstance(one, Integrated))
    write_ledger(folder, events[:integrated])
    said = user.swarm("mail", "send", "1", "hi")
    assert said.err.startswith(
        "error: task 1 has ended (completed): nobody will read it\n hint: see: swarm why 1 --run RUN"
    )
    assert said.code == 1
    write_ledger(folder, [one for one in events[:integrated] if isinstance(one, RunStarted | WorkerStarted)])
    assert user.swarm("mail", "send", "2", "hi").err == (
        "note: task 2 has no worker just now; the mail waits for its next one\n"
        "note: nobody drives run RUN just now; the mail waits for: swarm resume RUN\n"
    )


def test_nothing_that_came_in_time(run: Run) -> None:
    said = run.worker("mail", "wait", "--timeout", "0.1")
    assert (said.out, said.code) == ("no mail came in time; go on, or call again\n", 124)
    assert run.worker("kv", "watch", "a", "--timeout", "0.1").code == 124


def test_mail_cannot_steer_the_terminal(run: Run) -> None:
    run.worker("mail", "send", "mayor", "\x1b[2Jgone\x1b]0;owned\x07", "--title", "\x1b[31mred")
    run.carry()
    for words in (["inbox"], ["read", "1-1.000001"], ["threads"]):
        assert "\x1b" not in run.user.swarm("mail", *words).out


def test_reserved_files_and_a_conflict_that_is_told(run: Run) -> None:
    assert (
        run.worker("mail", "reserve", "src/**", "--reason", "new grammar").out == "reserved src/** for 3600 seconds\n"
    )
    second = run.worker("mail", "reserve", "src/a.py", "--ttl", "60", number=2)
    assert second.out == ("reserved src/a.py for 60 seconds\nconflict: src/a.py with src/** of 1-1: new grammar\n")
    assert run.worker("mail", "release").out == "released src/**\n"
    assert run.worker("mail", "release").out == "nothing was reserved\n"
    assert run.worker("mail", "reserve", "src/b.py", "--json").document["conflicts"] == []


def test_shared_values(run: Run) -> None:
    assert run.worker("kv", "cas", "leader", "0", "1").out == "leader has version 1\n"
    lost = run.worker("kv", "cas", "leader", "0", "2", "--json", number=2)
    assert lost.document["error"]["code"] == "version_conflict"
    assert run.worker("kv", "get", "leader", number=2).out == "1\n"
    assert run.worker("kv", "get").out == "leader  version 1, by 1-1: 1\n"
    assert run.worker("kv", "get", "nothing").code == 1
    watching = run.user.start("kv", "watch", "leader", "--after", "1", folder=run.tree(2))
    run.worker("kv", "put", "leader", "-", stdin="two\n")
    assert run.user.finish(watching).out == "two\n"


def test_an_archive_goes_out_and_comes_in(run: Run) -> None:
    run.worker("mail", "send", "mayor", "half way", "--type", "PROGRESS")
    run.carry()
    target = run.user.base / "archive"
    assert run.user.swarm("mail", "export", str(target)).out == "1 message in ~/archive\n"
    names = sorted(path.relative_to(target).parts for path in target.rglob("*.md"))
    assert [(name[0], name[-1]) for name in names] == [("agents", "1-1.000001.md")] * 2 + [
        ("messages", "1-1.000001.md")
    ]
    assert {name[1:3] for name in names if name[0] == "agents"} == {("1-1", "outbox"), ("mayor", "inbox")}
    (found,) = run.user.swarm("mail", "import", str(target), "--json").document["messages"]
    assert (found["id"], found["type"], found["body"]["status"]) == ("1-1.000001", "PROGRESS", "half way")
    assert run.user.swarm("mail", "import", str(run.user.base)).code == 2


@pytest.mark.parametrize(
    "words",
    [
        "mail export",
        "mail import",
        "mail send",
        "mail inbox",
        "mail read",
        "mail ack",
        "mail reply",
        "mail threads",
        "mail wait",
        "mail reserve",
        "mail release",
        "kv get",
        "kv put",
        "kv cas",
        "kv watch",
    ],
)
def test_every_verb_has_help_with_an_example(stranger: User, words: str) -> None:
    said = stranger.swarm(*words.split(), "--help", folder=stranger.base)
    assert said.code == 0
    assert f"\n  Example: swarm {words}" in said.out
    assert "--json" in said.out
