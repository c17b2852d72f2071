"""The parts of the keeper that need no keeper: lines, log, journal, timers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmskill.backends import held
from swarmskill.backends.joblog import JobLog
from swarmskill.backends.journal import Journal
from swarmskill.backends.timers import Timers
from swarmskill.backends.wire import VERSION, Lines, Message, encode, read_address, write_address
from swarmskill.model import Ending

# -- lines -----------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.text(), st.text())), st.lists(st.integers(1, 40)))
def test_messages_arrive_whole_however_they_are_cut(messages: list[Message], cuts: list[int]) -> None:
    data = b"".join(map(encode, messages))
    lines = Lines()
    got: list[Message] = []
    for cut in [*cuts, len(data) + 1]:
        got += lines.feed(data[:cut])
        data = data[cut:]
    assert got == messages


def test_bytes_that_are_not_text_survive() -> None:
    path = os.fsdecode(b"/tmp/\xff\xfe")
    assert Lines().feed(encode({"cwd": path})) == [{"cwd": path}]


@pytest.mark.parametrize("line", [b"x\n", b"[]\n", b"\n", b"\xff\n"])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        Lines().feed(line)


def test_the_address_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_address(str(tmp_path)) == {}
    write_address(str(tmp_path), "/tmp/x.sock", 7, "me")
    assert read_address(str(tmp_path)) == {"version": VERSION, "socket": "/tmp/x.sock", "pid": 7, "identity": "me"}
    (tmp_path / "address").write_text("{torn")
    assert read_address(str(tmp_path)) == {}


def test_the_keeper_tells_endings_as_the_model_has_them() -> None:
    assert {held.EXITED, held.TIMED_OUT, held.STALLED, held.KILLED} == {str(ending) for ending in Ending}


# -- log -------------------------------------------------------------------------------------------


def numbers(count: int) -> bytes:
    return b"".join(b"%06d\n" % number for number in range(count))


@pytest.mark.parametrize("piece", [7, 1000, 65_536, 1_000_000])
def test_a_long_log_keeps_its_halves_and_counts_what_is_missing(tmp_path: Path, piece: int) -> None:
    data = numbers(5_000 if piece == 7 else 100_000)
    limit = len(data) // 7
    log = JobLog(str(tmp_path / "a.log"), limit)
    highest = 0
    for start in range(0, len(data), piece):
        log.write(data[start : start + piece])
        highest = max(highest, (tmp_path / "a.log").stat().st_size)
    log.close()
    kept = (tmp_path / "a.log").read_bytes()
    half = limit // 2
    notice = kept[half : len(kept) - (limit - half)]
    assert kept[:half] == data[:half]
    assert kept[-(limit - half) :] == data[-(limit - half) :]
    assert notice == b"\n[swarm: %015d bytes were left out here]\n" % (len(data) - limit)
    assert highest <= limit + max(limit // 8, 65_536) + 60


def test_a_log_within_its_limit_is_whole(tmp_path: Path) -> None:
    log = JobLog(str(tmp_path / "deep" / "a.log"), 1000)
    log.write(b"x" * 1000)
    log.close()
    assert (tmp_path / "deep" / "a.log").read_bytes() == b"x" * 1000


def test_a_second_process_of_a_job_writes_behind_the_first(tmp_path: Path) -> None:
    for word in (b"one\n", b"two\n"):
        log = JobLog(str(tmp_path / "a.log"), 1000)
        log.write(word)
        log.close()
    assert (tmp_path / "a.log").read_bytes() == b"one\ntwo\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_log_on_a_full_disk_costs_output_and_not_the_job(tmp_path: Path) -> None:
    log = JobLog(str(tmp_path / "a.log"), 1000)
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, log._file)  # the one way to fill a disk without filling one
    os.close(full)
    log.write(b"x" * 10_000)
    log.write(b"y")
    log.close()


@pytest.mark.parametrize("kind", ["fifo", "symlink", "folder"])
def test_a_log_that_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.log"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "symlink":
        path.symlink_to("b")
    else:
        path.mkdir()
    with pytest.raises(OSError):
        JobLog(str(path), 1000)
    assert not (tmp_path / "b").exists()


# -- journal ---------------------------------------------------------------------------------------

WHERE: Message = {"name": "a\n", "pid": 5, "identity": "x"}
END: Message = {**WHERE, "ending": "exited", "exit_code": 3, "started_at": 1.5, "ended_at": 2.5}


def journal_of(path: Path) -> Journal:
    journal = Journal(str(path))
    journal.keeper(1 << 20, 1, "k")
    journal.started({**WHERE, "mark": 1})
    journal.started({**WHERE, "name": "b", "mark": 2})
    journal.ended(END)
    journal.commit()
    return journal


def test_another_keeper_reads_what_ended_and_what_did_not(tmp_path: Path) -> None:
    journal_of(tmp_path / "ends.jsonl")
    journal = Journal(str(tmp_path / "ends.jsonl"))
    assert (journal.ends, list(journal.open), journal.bases) == ({"a\n": END}, ["b"], [1 << 20])
    journal.left()
    journal.commit()
    assert Journal(str(tmp_path / "ends.jsonl")).bases == []


def test_nothing_is_written_before_the_commit(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "ends.jsonl"))
    journal.ended(END)
    assert (tmp_path / "ends.jsonl").read_bytes() == b""
    journal.commit()
    assert json.loads((tmp_path / "ends.jsonl").read_bytes())["exit_code"] == 3


def test_a_journal_cut_anywhere_loses_only_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "ends.jsonl"
    journal_of(path)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 5):
        path.write_bytes(whole[:cut])
        journal = Journal(str(path))
        lines = whole[:cut].count(b"\n") + (whole[cut : cut + 1] == b"\n")
        assert len(journal.bases) == min(lines, 1)
        assert set(journal.open) | set(journal.ends) == {"a\n", "b"} if lines >= 3 else True
        assert journal.ends == ({"a\n": END} if lines == 4 else {})
        journal.ended({**END, "name": "c"})
        journal.commit()
        assert Journal(str(path)).ends["c"] == {**END, "name": "c"}


def test_a_job_that_was_started_again_has_no_end_until_it_ends_again(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "ends.jsonl")
    journal.started({**WHERE, "pid": 6, "mark": 3})
    journal.commit()
    again = Journal(str(tmp_path / "ends.jsonl"))
    assert again.ends == {}
    assert again.open["a\n"]["pid"] == 6


# -- timers ----------------------------------------------------------------------------------------


def test_timers_run_in_their_order_and_not_when_called_off() -> None:
    timers = Timers()
    done: list[str] = []
    assert timers.wait() is None
    timers.after(0.0, lambda: done.append("a"))
    off = timers.after(0.0, lambda: done.append("off"))
    timers.after(0.0, lambda: timers.after(0.0, lambda: done.append("later")))
    timers.after(1000.0, lambda: done.append("never"))
    off.cancel()
    assert timers.wait() == 0.0
    timers.run()
    timers.run()
    wait = timers.wait()
    assert done == ["a", "later"]
    assert wait is not None
    assert 990 < wait <= 1000
