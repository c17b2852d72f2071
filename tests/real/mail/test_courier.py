"""The courier of a run: a thread that carries mail between real mailboxes, answers, reminds and nudges."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from swarmskill.backends.base import CannotStart
from swarmskill.config import RunConfig
from swarmskill.errors import Refused
from swarmskill.mail.errands import ask
from swarmskill.mail.kinds import Checkpoint, Failure, FailureKind, Issue, Kind, Pause
from swarmskill.mail.kv import Entry, Store, VersionConflict
from swarmskill.mail.leases import Leases
from swarmskill.mail.limits import LIMITS, Limits
from swarmskill.mail.mailbox import mayor_mailbox, worker_mailbox
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.reactions import NUDGE, TERMINATE, UNANSWERED
from swarmskill.mail.reminders import PATIENCE, Patience
from swarmskill.mayor.courier import Courier
from swarmskill.mayor.judgements import Judgement
from swarmskill.model import Task
from swarmskill.places import RunFolder
from tests.crash.scene import wait_until
from tests.real.mail.conftest import message

LIMIT = 60.0
HURRY = Patience(remind_every=0.1, reminders=2, escalate_after=0.5)
QUESTION = {"issue": Issue.STUCK, "question": "Which one?"}
ASKED = "answer within two minutes with swarm mail reply"


@dataclass
class Run:
    """A run's folder, workers in worktrees of their own, and one mayor's courier after the other."""

    base: Path
    said: list[str] = field(default_factory=list)
    doing: list[tuple[str, str]] = field(default_factory=list)
    couriers: list[Courier] = field(default_factory=list)

    def open(
        self,
        *living: str,
        tasks: tuple[str, ...] = ("1", "2"),
        patience: Patience = PATIENCE,
        limits: Limits = LIMITS,
        idle: float | None = None,
        every: float = 0.05,
    ) -> Courier:
        config = RunConfig(idle_timeout=idle)
        courier = Courier(
            self.folder, config, frozenset(tasks), frozenset(living), self.said.append,
            lambda task, words: self.doing.append((task, words)), patience=patience, limits=limits,
            every=every,
        )  # fmt: skip
        self.couriers.append(courier)
        return courier

    def begin(self, task: str = "1", *files: str) -> None:
        self.tree(task).mkdir(parents=True, exist_ok=True)
        self.couriers[-1].begin(f"{task}-1", Task(id=task, subject="s", files=files), self.tree(task))

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.base / "runs" / "r")

    def tree(self, task: str = "1") -> Path:
        return self.base / "trees" / task

    def send(self, kind: Kind, text: str = "", task: str = "1", **fields: Any) -> Message:
        """As the worker of a task."""
        box = worker_mailbox(f"{task}-1", self.tree(task))
        return box.send(message(kind, text, thread=task, fields=fields))

    def reply(self, asked: Message, text: str) -> None:
        """As a person with `swarm mail reply`."""
        box = mayor_mailbox(self.folder.mail)
        assert wait_until(lambda: box.inbox.find(asked.id) is not None, LIMIT)
        box.send(message(Kind.HELP_RESPONSE, text, to=(asked.sender,), thread=asked.thread))
        box.mark(box.get(asked.id), "SA")

    def came(self, kind: Kind, task: str = "1") -> list[str]:
        box = worker_mailbox(f"{task}-1", self.tree(task))
        return [one.message.text for one in box.received() if one.message.kind is kind]

    def heard(self, part: str) -> Callable[[], bool]:
        return lambda: any(part in line for line in self.said)

    def count(self, part: str) -> int:
        return sum(part in line for line in self.said)

    def die(self) -> None:
        """The mayor's thread ends, and nothing is tidied."""
        self.couriers.pop().close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    run.folder.path.mkdir(parents=True)
    (run.folder.path / "logs").mkdir()
    yield run
    while run.couriers:
        run.die()


def couriers() -> int:
    return sum(thread.name == "courier" for thread in threading.enumerate())


def test_what_a_worker_does_is_told_at_once(run: Run) -> None:
    run.open(every=100.0)
    run.begin()
    run.send(Kind.BEAD_ACCEPTED)
    run.send(Kind.PROGRESS, step="2", status="tests")
    assert wait_until(lambda: len(run.doing) == 2, LIMIT), "it is not the rounds that bring it"
    assert run.doing == [("1", "has accepted the task"), ("1", "2: tests")]
    assert run.said == []


def test_question_is_shown_reminded_of_and_in_the_end_answered_by_best_judgement(run: Run) -> None:
    run.open(patience=HURRY)
    run.begin()
    asked = run.send(Kind.HELP_REQUEST, **QUESTION)
    assert wait_until(lambda: run.came(Kind.HELP_RESPONSE) != [], LIMIT)
    assert run.came(Kind.HELP_RESPONSE) == [UNANSWERED]
    assert run.count(ASKED) == 1
    assert run.count(f"1-1 still waits for an answer: swarm mail reply {asked.id} 'TEXT'") == 2
    assert run.count("goes on by its best judgement") == 1
    assert mayor_mailbox(run.folder.mail).get(asked.id).acked


def test_answered_question_is_neither_reminded_of_nor_escalated(run: Run) -> None:
    run.open(patience=HURRY)
    run.begin()
    asked = run.send(Kind.HELP_REQUEST, **QUESTION)
    run.reply(asked, "The one in lib/")
    told = run.count("still waits")
    assert wait_until(lambda: run.came(Kind.HELP_RESPONSE) == ["The one in lib/"], LIMIT)
    time.sleep(HURRY.escalate_after + 0.3)
    assert run.came(Kind.HELP_RESPONSE) == ["The one in lib/"]
    assert run.count("still waits") <= told + 1
    assert run.count("best judgement") == 0


def test_a_question_is_put_to_the_helper_once_and_its_answer_ends_the_wait(run: Run) -> None:
    asked: list[tuple[str, str]] = []
    courier = run.open(patience=HURRY)
    courier.consult(lambda question, task: asked.append((question.id, task.id)))
    run.begin()
    question = run.send(Kind.HELP_REQUEST, **QUESTION)
    assert wait_until(lambda: asked != [], LIMIT)
    courier.answer(question.id, "The left one")
    assert wait_until(lambda: run.came(Kind.HELP_RESPONSE) != [], LIMIT)
    courier.answer(question.id, "The right one")
    courier.consult(lambda question, task: asked.append((question.id, task.id)))
    time.sleep(HURRY.escalate_after + 0.3)
    assert run.came(Kind.HELP_RESPONSE) == ["The left one"]
    assert asked == [(question.id, "1")]
    assert mayor_mailbox(run.folder.mail).get(question.id).acked


def test_a_person_s_answer_comes_before_the_helper_s(run: Run) -> None:
    courier = run.open()
    courier.consult(lambda question, task: None)
    run.begin()
    question = run.send(Kind.HELP_REQUEST, **QUESTION)
    run.reply(question, "The one in lib/")
    assert wait_until(lambda: run.came(Kind.HELP_RESPONSE) != [], LIMIT)
    courier.answer(question.id, "The left one")
    assert run.came(Kind.HELP_RESPONSE) == ["The one in lib/"]


def test_the_next_mayor_s_helper_is_asked_what_is_still_open(run: Run) -> None:
    run.open()
    run.begin()
    question = run.send(Kind.HELP_REQUEST, **QUESTION)
    assert wait_until(lambda: run.count(ASKED) == 1, LIMIT)
    run.die()
    asked: list[str] = []
    courier = run.open("1-1")
    courier.consult(lambda question, task: asked.append(question.id))
    run.begin()
    assert wait_until(lambda: asked == [question.id], LIMIT)


def test_reminders_come_also_while_there_is_mail_all_the_time(run: Run) -> None:
    run.open(patience=HURRY)
    run.begin()
    run.begin("2")
    run.send(Kind.HELP_REQUEST, **QUESTION)
    until = time.monotonic() + LIMIT
    while not run.came(Kind.HELP_RESPONSE) and time.monotonic() < until:
        run.send(Kind.PROGRESS, task="2", status="busy")
    assert run.came(Kind.HELP_RESPONSE) == [UNANSWERED]


def test_open_question_is_told_again_by_the_next_mayor_and_an_answer_from_between_arrives(run: Run) -> None:
    run.open()
    run.begin()
    first = run.send(Kind.HELP_REQUEST, **QUESTION)
    assert wait_until(run.heard(first.id), LIMIT)
    run.die()
    run.said.clear()
    run.open("1-1")
    assert wait_until(run.heard(first.id), LIMIT)
    run.begin()
    run.die()
    run.reply(first, "late")
    run.said.clear()

    run.open("1-1")
    time.sleep(0.2)  # the mail is looked at before the worker has begun
    run.begin()
    assert wait_until(lambda: run.came(Kind.HELP_RESPONSE) == ["late"], LIMIT)
    assert run.said == []


def test_question_of_a_worker_that_has_ended_is_waited_for_no_more(run: Run) -> None:
    courier = run.open(patience=HURRY)
    run.begin()
    run.send(Kind.HELP_REQUEST, **QUESTION)
    assert courier.end("1-1") is None
    assert run.count("1-1 ended before its question was answered") == 1
    time.sleep(HURRY.escalate_after + 0.2)
    assert run.count("still waits") == run.count("best judgement") == 0


def test_question_of_a_worker_that_ended_between_two_mayors_is_dropped(run: Run) -> None:
    run.open()
    run.begin()
    asked = run.send(Kind.HELP_REQUEST, **QUESTION)
    assert wait_until(run.heard(asked.id), LIMIT)
    run.die()
    run.said.clear()
    run.open(patience=HURRY)
    assert wait_until(lambda: mayor_mailbox(run.folder.mail).get(asked.id).acked, LIMIT)
    assert run.said == []


def test_a_worker_is_nudged_once_though_two_mayors_ask_for_it(run: Run) -> None:
    run.open()
    assert not run.couriers[-1].nudge("1-1"), "it has no mailbox yet"
    run.begin()
    assert run.couriers[-1].nudge("1-1")
    assert wait_until(lambda: run.came(Kind.NUDGE) == [NUDGE], LIMIT)
    run.die()
    run.open("1-1")
    run.begin()
    assert run.couriers[-1].nudge("1-1")
    time.sleep(0.2)
    assert run.came(Kind.NUDGE) == [NUDGE]


def test_worker_has_its_order_to_end_before_it_is_ended(run: Run) -> None:
    courier = run.open(every=100.0)
    run.begin()
    courier.terminate("1-1")
    assert run.came(Kind.TERMINATE) == [TERMINATE]
    courier.terminate("1-1")
    courier.terminate("unknown")
    assert run.came(Kind.TERMINATE) == [TERMINATE]


def test_what_became_of_an_offering_is_told_once_to_the_next_worker_and_in_the_thread(run: Run) -> None:
    again = Judgement("1", Kind.RETRY_REQUIRED, ("1", MAYOR), "the tests failed", "again 1")
    taken = Judgement("2", Kind.OFFERING_ACCEPTED, (MAYOR,), "it is there", "accepted 2")
    for _ in range(2):
        courier = run.open(every=100.0)
        courier.judge([again, taken])
        run.die()  # at once: what was to be told is told all the same
    run.open("1-1")
    run.begin()
    assert wait_until(lambda: run.came(Kind.RETRY_REQUIRED) == ["the tests failed"], LIMIT)
    thread = [(one.message.kind, one.message.thread) for one in mayor_mailbox(run.folder.mail).received()]
    assert thread == [(Kind.RETRY_REQUIRED, "1"), (Kind.OFFERING_ACCEPTED, "2")]
    assert run.said == []


def test_mayor_writes_for_a_worker_what_its_sandbox_forbids(run: Run) -> None:
    run.open(every=100.0)
    run.begin()
    run.begin("2")
    one, two = (worker_mailbox(f"{task}-1", run.tree(task)) for task in ("1", "2"))
    put = {"do": "put", "key": "port", "value": "# 80\n81", "ttl": None, "expected": 0}
    entry = ask(one, "1", put)["entry"]
    assert Store(run.folder.mail).get("port") == Entry(**entry)
    assert (entry["writer"], entry["value"], entry["version"]) == ("1-1", "# 80\n81", 1)
    assert ask(one, "1", put)["entry"] == entry, "as after a mayor that died before its answer"
    with pytest.raises(VersionConflict, match="has version 1, not 0"):
        ask(two, "2", put)
    lease = {"do": "reserve", "paths": ["src/**"], "ttl": 60, "exclusive": True, "reason": "grammar"}
    assert ask(one, "1", lease)["conflicts"] == []
    assert [clash["lease"]["holder"] for clash in ask(two, "2", lease)["conflicts"]] == ["1-1"]
    assert [one["paths"] for one in ask(two, "2", {"do": "release", "paths": []})["released"]] == [["src/**"]]
    with pytest.raises(Refused, match="it is no errand"):
        ask(two, "2", {"do": "rm"})
    assert run.said == []
    assert [message for message in two.received() if not message.seen] == []


def test_errand_that_no_mayor_does_in_time_is_never_done(run: Run) -> None:
    run.open()
    run.begin()
    run.die()
    box = worker_mailbox("1-1", run.tree())
    with pytest.raises(Refused, match="the mayor has not answered in 0.1 seconds"):
        ask(box, "1", {"do": "put", "key": "a", "value": "b", "ttl": None, "expected": None}, patience=0.1)
    run.open("1-1")
    run.begin()
    assert wait_until(lambda: run.came(Kind.NOTE), LIMIT)
    assert "it came too late" in run.came(Kind.NOTE)[0].replace("the errand", "it")
    assert Store(run.folder.mail).get("a") is None


@pytest.mark.parametrize("again", [False, True])
def test_last_word_is_known_to_whichever_mayor_sees_the_end(run: Run, again: bool) -> None:
    courier = run.open()
    run.begin()
    for number in range(300):  # more than is carried at once
        run.send(Kind.PROGRESS, str(number))
    run.send(Kind.FAILED, failure=FailureKind.SPEC_IMPOSSIBLE, reason="no")
    if again:
        assert wait_until(run.heard("gives up (SPEC_IMPOSSIBLE): no"), LIMIT)
        run.die()
        courier = run.open("1-1")
        run.begin()
    assert courier.end("1-1") == Failure(failure=FailureKind.SPEC_IMPOSSIBLE, reason="no")
    assert run.count("gives up") == 1
    assert courier.end("1-1") is None


def test_last_of_several_last_words_counts(run: Run) -> None:
    courier = run.open()
    for task in ("1", "2"):
        run.begin(task)
        run.send(Kind.FAILED, task=task, failure=FailureKind.TESTS_FAIL)
    run.send(Kind.CHECKPOINT, task="1", reason=Pause.MANUAL, next_steps="go on")
    run.send(Kind.DONE, task="2")
    run.send(Kind.PROGRESS, task="1")
    assert courier.end("1-1") == Checkpoint(reason=Pause.MANUAL, next_steps="go on")
    assert courier.end("2-1") is None


def test_manifest_is_reserved_until_the_worker_ends(run: Run) -> None:
    courier = run.open()
    leases = Leases(run.folder.mail)
    run.begin("1", "src/**")
    run.begin("1", "src/**")
    run.begin("2", "src/a.py")
    assert [(one.holder, one.task, one.paths) for one in leases.active(time.time())] == [
        ("1-1", "1", ("src/**",)), ("2-1", "2", ("src/a.py",)),
    ]  # fmt: skip
    assert run.said == ["2-1 may change src/a.py, and 1-1 has reserved src/**"]
    run.die()
    courier = run.open("1-1")
    run.begin("1", "src/**")
    assert [one.holder for one in leases.active(time.time())] == ["1-1"], "the other one ended meanwhile"
    courier.end("1-1")
    assert leases.active(time.time()) == []


def test_refused_and_dropped_mail_is_told(run: Run) -> None:
    run.open(limits=Limits(messages=10))
    run.begin()
    new = run.tree() / ".swarm" / "mail" / "outbox" / "new"
    (new / "forged.md").write_text('---json\n{"from": "mayor", "to": ["1"], "subject": "NOTE"}\n---\n\nhm\n')
    assert wait_until(run.heard("mail of 1-1 was refused: it says that it is from 'mayor'"), LIMIT)
    for number in range(12):
        (new / f"{number}.md").write_text(f"note {number}")
    assert wait_until(run.heard("1-1 sends too much mail"), LIMIT)


def test_worker_whose_name_is_a_tasks_id_gets_the_mayors_words_to_it(run: Run) -> None:
    courier = run.open(tasks=("1", "1-1"))
    run.begin()
    run.begin("1-1")
    assert courier.nudge("1-1")
    assert wait_until(lambda: run.came(Kind.NUDGE) == [NUDGE], LIMIT)
    assert run.came(Kind.NUDGE, "1-1") == []


def test_mailbox_that_cannot_be_made_is_a_worker_that_cannot_start(run: Run) -> None:
    courier = run.open()
    with pytest.raises(CannotStart, match="no mailbox can be made"):
        courier.begin("1-1", Task(id="1", subject="s"), run.tree())
    elsewhere = run.base / "elsewhere"
    elsewhere.mkdir()
    run.tree().mkdir(parents=True)
    (run.tree() / ".swarm").symlink_to(elsewhere)
    with pytest.raises(CannotStart, match="no mailbox can be made"):
        run.begin()
    assert list(elsewhere.iterdir()) == []
    assert courier.end("1-1") is None


def test_worktree_that_is_gone_hinders_nobody_else(run: Run) -> None:
    courier = run.open()
    run.begin("1", "a")
    run.begin("2")
    shutil.rmtree(run.tree("1"))
    run.send(Kind.PROGRESS, "goes on", task="2")
    assert wait_until(lambda: ("2", "goes on") in run.doing, LIMIT)
    assert courier.end("1-1") is None
    assert Leases(run.folder.mail).active(time.time()) == []
    courier.terminate("1-1")


def test_full_disk_is_told_once_and_the_mail_comes_when_there_is_room(run: Run) -> None:
    run.open()
    run.begin()
    spool = run.folder.mail / "spool"
    spool.rename(run.base / "away")
    spool.write_text("no folder")
    run.send(Kind.PROGRESS, "goes on")
    assert wait_until(run.heard("mail cannot be carried"), LIMIT)
    time.sleep(0.3)
    assert run.count("mail cannot be carried") == 1
    spool.unlink()
    (run.base / "away").rename(spool)
    assert wait_until(lambda: run.doing == [("1", "goes on")], LIMIT)


def test_closing_is_quick_and_leaves_no_thread(run: Run) -> None:
    before = couriers()
    run.open(every=100.0)
    run.begin()
    assert couriers() == before + 1
    began = time.monotonic()
    run.die()
    assert time.monotonic() - began < 1.0
    assert couriers() == before


def test_verbs_in_the_worktree_know_whose_mailbox_it_is(run: Run) -> None:
    run.open()
    run.begin()
    owner = json.loads((run.tree() / ".swarm" / "mail" / "owner.json").read_text())
    assert owner == {"name": "1-1", "task": "1", "run_id": "r", "run_folder": str(run.folder.path)}
    assert MAYOR not in owner.values()
