"""The carrier brings each message to whom it is for, and believes nobody who says to be someone else."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from swarmskill.errors import Refused
from swarmskill.mail.kinds import FailureKind, Issue, Kind
from swarmskill.mail.mailbox import encode
from swarmskill.mail.message import MAYOR
from swarmskill.mail.reminders import Patience
from tests.crash.scene import fast_folder
from tests.real.mail.conftest import Office, message

HELP = {"issue": Issue.STUCK, "question": "Which?"}


def test_from_worker_to_mayor_and_from_mayor_to_the_worker_of_a_task(office: Office) -> None:
    sent = office.boxes["1-1"].send(message(Kind.HELP_REQUEST, fields=HELP, importance="high"))
    (came,) = office.carry().messages
    assert came == sent
    assert (came.id, came.sender) == ("1-1.000001", "1-1")
    office.post.send(message(Kind.HELP_RESPONSE, "This one.", to=("1",), reply_to=came.id))
    assert office.carry().messages == []
    assert office.texts("1-1") == ["This one."]
    assert office.texts("2-1") == []


def test_order_is_that_of_sending_whatever_the_clock_says(office: Office) -> None:
    for number, at in enumerate([5e9, 1.0, 0.0, 4e9, 2.0]):
        office.boxes["1-1"].send(message(text=str(number), created=at))
        office.boxes["2-1"].send(message(text=str(number), created=-at, thread="2"))
    texts = [(one.sender, one.text) for one in office.carry().messages]
    assert [text for sender, text in texts if sender == "1-1"] == list("01234")
    assert [text for sender, text in texts if sender == "2-1"] == list("01234")


def test_the_same_key_twice_is_one_message_even_after_it_was_carried(office: Office) -> None:
    box = office.boxes["1-1"]
    first = box.send(message(text="once"), key="k")
    assert box.send(message(text="twice"), key="k").id == first.id
    assert len(office.carry().messages) == 1
    assert box.send(message(text="thrice"), key="k").id == first.id
    assert office.carry().messages == []


def test_a_file_that_is_about_to_be_written_where_it_lies_is_left_until_then(office: Office) -> None:
    new = office.boxes["1-1"].outbox.path / "new"
    (new / "by-hand.md").touch()
    assert office.carry().messages == []
    (new / "by-hand.md").write_text("PROGRESS: half way\n")
    (came,) = office.carry().messages
    assert came.kind is Kind.PROGRESS
    (new / "empty.md").touch()
    os.utime(new / "empty.md", (1.0, 1.0))
    (came,) = office.carry().messages
    assert came.text == ""


def test_the_mayor_is_told_again_until_it_settles(office: Office) -> None:
    office.boxes["1-1"].send(message(text="a"))
    office.boxes["1-1"].send(message(text="b"))
    first, _ = office.carry().messages
    office.post.settle(first)
    assert office.carry().messages == []
    office.open()
    assert [one.text for one in office.carry().messages] == ["b"]


def test_mail_for_a_task_waits_until_it_has_a_worker_and_goes_to_the_newest(office: Office) -> None:
    office.post.send(message(Kind.GUIDANCE, "mind the gap", to=("3",)))
    assert office.carry().held == ["mayor.000001"]
    office.open()
    assert office.carry().held == ["mayor.000001"]
    office.add("3-1", "3")
    office.add("3-2", "3")
    assert office.carry().held == []
    assert (office.texts("3-1"), office.texts("3-2")) == ([], ["mind the gap"])


def put(office: Office, data: bytes, name: str = "0000000001_x.md", worker: str = "1-1") -> None:
    office.boxes[worker].outbox.put(name, data)


NOTE = replace(message(), id="1-1.9", sender="1-1")


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (replace(NOTE, sender="2-1", id="2-1.9"), "it is from '2-1', and lay in the outbox of '1-1'"),
        (replace(NOTE, sender=MAYOR, id="mayor.9"), "it is from 'mayor'"),
        (replace(NOTE, id="2-1.9"), "its id '2-1.9' does not begin with '1-1.'"),
        (replace(NOTE, id="1-1.x.9"), "more than one part"),
        (replace(NOTE, id="1-1./../x"), "does not begin"),
        (replace(message(Kind.TERMINATE, to=("2",)), id="1-1.9", sender="1-1"), "only the mayor sends TERMINATE"),
        (replace(message(Kind.DONE, thread="2"), id="1-1.9", sender="1-1"), "tells DONE of task '2'"),
        (replace(NOTE, to=("nobody",)), "nobody in this run is called 'nobody'"),
    ],
)
def test_forged_mail_is_refused_kept_and_explained(office: Office, forged, reason: str) -> None:
    put(office, encode(forged))
    carried = office.carry()
    assert carried.messages == []
    (refusal,) = carried.refused
    assert reason in refusal.reason
    (kept,) = (office.base / "mail" / "refused" / "1-1").iterdir()
    assert encode(forged) in kept.read_bytes()
    assert "was not carried" in office.texts("1-1")[0]
    assert office.texts("2-1") == []
    office.open()
    assert office.carry().refused == []


def test_a_note_written_by_hand_is_carried_and_its_faults_are_told(office: Office) -> None:
    put(office, b"[1] FAILED\n\nType: tests_fail\nReason: 3 of 9\n", "mine.md")
    carried = office.carry()
    (came,) = carried.messages
    assert (came.sender, came.thread, came.kind, came.to) == ("1-1", "1", Kind.FAILED, (MAYOR,))
    assert came.body.failure is FailureKind.TESTS_FAIL
    assert carried.problems[came.id]


def test_links_pipes_folders_and_large_files_are_refused_and_hinder_nobody(
    small_office: Office, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret words")
    new = small_office.boxes["1-1"].outbox.path / "new"
    (new / "0_link.md").symlink_to(secret)
    os.mkfifo(new / "1_pipe.md")
    (new / "2_folder.md").mkdir()
    (new / "3_large.md").write_bytes(b"x" * 3000)
    small_office.boxes["2-1"].send(message(text="fine", thread="2"))
    carried = small_office.carry()
    assert [one.text for one in carried.messages] == ["fine"]
    assert {one.name for one in carried.refused} == {"0_link.md", "1_pipe.md", "2_folder.md", "3_large.md"}
    assert list(new.iterdir()) == []
    kept = b"".join(path.read_bytes() for path in (tmp_path / "mail" / "refused").rglob("*.md"))
    assert b"secret words" not in kept
    assert small_office.carry().refused == []


@pytest.mark.parametrize("part", ["outbox/cur", "outbox/new", "outbox", "inbox/new", "inbox", "."])
def test_the_carrier_follows_no_link_out_of_a_worktree(office: Office, tmp_path: Path, part: str) -> None:
    outside = tmp_path / "outside"
    for folder in ("tmp", "new", "cur", "inbox/tmp", "inbox/new", "inbox/cur", "outbox/new", "outbox/cur"):
        (outside / folder).mkdir(parents=True, exist_ok=True)
    spoiled = office.boxes["1-1"].path / part
    office.boxes["1-1"].send(message(text="bait"))
    spoiled.rename(tmp_path / "moved")
    spoiled.symlink_to(outside)
    office.post.send(message(Kind.GUIDANCE, "x", to=("1", "2")))
    for _ in range(2):
        office.carry()
    office.post.send(message(Kind.GUIDANCE, "y", to=("2",)))
    office.carry()
    assert [path for path in outside.rglob("*") if path.is_file()] == []
    assert office.texts("2-1") == ["x", "y"]


def test_a_mailbox_that_is_gone_hinders_nobody(office: Office) -> None:
    import shutil

    shutil.rmtree(office.base / "trees" / "1-1")
    office.post.send(message(Kind.GUIDANCE, "x", to=("1", "2")))
    office.boxes["2-1"].send(message(thread="2"))
    carried = office.carry()
    assert (len(carried.messages), carried.held) == (1, ["mayor.000001"])
    assert office.texts("2-1") == ["x"]


def test_a_sender_over_its_limit_is_told_and_still_ends_its_work(small_office: Office) -> None:
    box = small_office.boxes["1-1"]
    for number in range(30):
        put(small_office, encode(replace(NOTE, id=f"1-1.{number:06d}")), f"{number:010d}_1-1.{number:06d}.md")
    dropped, came, rounds = 0, 0, 0
    while True:
        carried = small_office.carry()
        came, dropped, rounds = came + len(carried.messages), dropped + carried.flooded["1-1"], rounds + 1
        if not carried.more:
            break
    assert (came, dropped, rounds) == (10, 20, 8)
    put(small_office, encode(replace(message(Kind.DONE), id="1-1.k1", sender="1-1")), "0000000099_1-1.k1.md")
    assert [one.kind for one in small_office.carry().messages] == [Kind.DONE]
    assert len(small_office.texts("1-1")) == 1
    assert "You have sent 10 messages, which is the limit" in small_office.texts("1-1")[0]
    small_office.open()
    put(small_office, encode(replace(NOTE, id="1-1.later")))
    assert small_office.carry().flooded["1-1"] == 1


def test_a_sender_is_refused_by_its_own_outbox_before(small_office: Office) -> None:
    box = small_office.boxes["1-1"]
    for _ in range(10):
        box.send(message())
    with pytest.raises(Refused, match="has sent 10 messages"):
        box.send(message())
    with pytest.raises(Refused, match="bytes"):
        small_office.boxes["2-1"].send(message(text="x" * 3000))


@pytest.fixture
def quick_office() -> Iterator[Office]:
    with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
        yield Office(Path(folder))


def test_a_flood_of_ten_thousand_is_quick_and_others_are_served_in_the_first_round(quick_office: Office) -> None:
    office = quick_office
    data = encode(replace(NOTE, id="1-1.00000"))
    new = office.boxes["1-1"].outbox.path / "new"
    for number in range(10_000):
        (new / f"{number:010d}_1-1.{number:05d}.md").write_bytes(data.replace(b"1-1.00000", b"1-1.%05d" % number))
    office.boxes["2-1"].send(message(text="short", thread="2"))
    began = time.process_time()
    first = office.carry()
    assert "short" in [one.text for one in first.messages]
    came, dropped = len(first.messages) - 1, first.flooded["1-1"]
    while first.more:
        first = office.carry()
        came, dropped = came + len(first.messages), dropped + first.flooded["1-1"]
    assert (came, dropped) == (office.limits.messages, 8000)
    assert time.process_time() - began < 15


def test_what_is_not_acknowledged_is_due_and_an_ack_ends_it(tmp_path: Path) -> None:
    office = Office(tmp_path, patience=Patience(remind_every=30, reminders=1, escalate_after=120))
    office.boxes["1-1"].send(message(Kind.HELP_REQUEST, fields=HELP))
    office.post.send(message(Kind.TERMINATE, to=("1", "2"), ack_required=True))
    (asked,) = office.carry(now=1000).messages
    assert {one.recipient for one in office.post.pending} == {MAYOR, "1-1", "2-1"}
    box = office.boxes["1-1"]
    box.mark(box.received()[0], "SA")
    assert {one.recipient for one in office.post.due(1030).reminders} == {MAYOR, "2-1"}
    assert office.post.due(1031).reminders == ()
    office.post.settle(asked)
    assert {one.recipient for one in office.post.due(1120).escalations} == {"2-1"}
    assert office.post.due(9999).escalations == ()
    office.open()
    office.carry(now=5000)
    assert {one.recipient for one in office.post.pending} == {"2-1"}
