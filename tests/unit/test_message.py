"""Commit messages: one short subject line, a clean body, and trailers that nothing can forge."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from swarmskill.model import Task
from swarmskill.repo.message import commit_message, decode_id, encode_id, read_trailers

ANY_TEXT = st.text(st.characters())
WILD = st.one_of(ANY_TEXT, st.text("ab% \n\r\t:-\x00\x1b\x85\u2028\ud800Swarm-Task"))


@given(WILD)
@example(" ")
@example("%20")
@example("\udcff")
def test_ids_come_back_and_stay_on_one_line(text: str) -> None:
    encoded = encode_id(text)
    assert decode_id(encoded) == text
    assert len(encoded.splitlines()) <= 1
    assert encoded == encoded.strip()
    encoded.encode("utf-8")


def test_ordinary_ids_stay_as_they_are() -> None:
    for plain in ("1", "auth-2", "a b", "src/x.py", "größe"):
        assert encode_id(plain) == plain


@given(WILD.filter(bool), WILD, WILD, st.integers(1, 99))
def test_whatever_the_task_says_its_own_trailers_are_read(task_id: str, subject: str, body: str, attempt: int) -> None:
    message = commit_message(Task(id=task_id, subject=subject, description=body), "r-1", attempt)
    assert read_trailers(message) == ("r-1", task_id, attempt)
    head = message.split("\n")[0]
    assert 0 < len(head) <= 72 and head == head.strip()
    assert message.encode("utf-8").count(b"\0") == 0
    assert message.split("\n")[1] == ""


def test_long_subject_is_cut_at_a_word_and_kept_in_the_body() -> None:
    subject = "word " * 30
    message = commit_message(Task(id="1", subject=subject, description="Body.\r\n\tindented"), "r-1", 1)
    first, full, body, last = message.rstrip("\n").split("\n\n")
    assert first == "word " * 13 + "word…"
    assert full == subject.strip()
    assert body == "Body.\n\tindented"
    assert last == "Swarm-Run: r-1\nSwarm-Task: 1\nSwarm-Attempt: 1"


def test_terminal_control_does_not_reach_the_log() -> None:
    message = commit_message(Task(id="1", subject="\x1b[31mred\x07", description="a\x1bb\u202ec"), "r-1", 1)
    assert message.startswith("[31mred\n\nabc\n\n")


def test_huge_description_is_cut() -> None:
    assert len(commit_message(Task(id="1", subject="s", description="x" * 1_000_000), "r", 1)) < 11_000


def test_quoted_trailers_are_not_ours() -> None:
    quoted = "subject\n\nSwarm-Run: r\nSwarm-Task: 1\nSwarm-Attempt: 1\n\nmore words\n"
    assert read_trailers(quoted) is None
    assert read_trailers("") is None
