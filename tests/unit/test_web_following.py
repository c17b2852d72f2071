"""Readers of events go on where they were: nothing twice, nothing left out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from swarmskill.codec import encode_event
from swarmskill.core import events as ev
from swarmskill.places import RunFolder
from swarmskill.web.following import END, FamilyTail, LedgerTail, format_id, parse_id

RUN, CHILD, SECOND = "20261121-120000-brave-otter", "20261121-120100-calm-fox", "20261121-120200-fast-hen"


def reported(n: int, at: float | None = None) -> ev.Event:
    return ev.WorkerReported(at=float(n) if at is None else at, task="a", attempt=1, session=str(n))


class Family:
    """Runs of one repository; those after the first are its children."""

    def __init__(self, common: Path) -> None:
        self.runs = common / "swarm" / "runs"
        self.counts: dict[str, int] = {}

    def append(self, run: str, *events: ev.Event, torn: bytes = b"") -> RunFolder:
        folder = RunFolder(self.runs / run)
        folder.path.mkdir(parents=True, exist_ok=True)
        if run != RUN and not folder.origin.exists():
            told = f'{{"run_id": "{RUN}", "folder": "{self.runs / RUN}", "task": "a", "attempt": 1}}'
            folder.origin.write_text(told)
        with folder.ledger.open("ab") as file:
            for event in events:
                self.counts[run] = self.counts.get(run, 0) + 1
                file.write(encode_event(event, self.counts[run]))
            file.write(torn)
        return folder


@pytest.fixture
def runs(tmp_path: Path) -> Family:
    return Family(tmp_path)


def drain(tail: FamilyTail) -> list[tuple[str, int]]:
    found = []
    while told := tail.read():
        found += [(one.run_id, one.number) for one in told]
    return found


def test_a_reader_that_is_cut_off_again_and_again_sees_each_event_of_the_family_once_and_in_order(runs: Family) -> None:
    chance = random.Random(8)
    folder = runs.append(RUN, reported(0))
    seen: list[tuple[str, int]] = []
    last = ""
    written = 1
    while len(seen) < 1000:
        if written < 1000:
            for _ in range(min(chance.randrange(1, 30), 1000 - written)):
                runs.append(chance.choice([RUN, CHILD, SECOND] if written > 100 else [RUN]), reported(written))
                written += 1
        tail = FamilyTail(folder, last)
        told = tail.read()
        for one in told[: chance.randrange(len(told) + 1)]:
            seen.append((one.run_id, one.number))
            last = one.id
    assert len(set(seen)) == len(seen) == 1000
    for run, count in runs.counts.items():
        assert [number for name, number in seen if name == run] == list(range(1, count + 1))
    assert drain(FamilyTail(folder, last)) == []


def test_a_child_that_comes_to_be_meanwhile_is_followed_too(runs: Family) -> None:
    folder = runs.append(RUN, reported(1))
    tail = FamilyTail(folder)
    assert drain(tail) == [(RUN, 1)]
    runs.append(CHILD, reported(2))
    tail.find_children()
    (told,) = tail.read()
    assert (told.run_id, told.number, told.id) == (CHILD, 1, f"1;{CHILD}=1")
    assert told.document()["run_id"] == CHILD and told.document()["type"] == "worker_reported"


def test_events_of_several_runs_come_by_time_each_runs_own_in_its_order(runs: Family) -> None:
    runs.append(CHILD, reported(1, 2.0), reported(2, 1.0), reported(3, 9.0))
    folder = runs.append(RUN, reported(1, 1.5), reported(2, 5.0))
    assert drain(FamilyTail(folder)) == [(RUN, 1), (CHILD, 1), (CHILD, 2), (RUN, 2), (CHILD, 3)]


def test_who_asks_for_the_end_sees_only_what_comes(runs: Family) -> None:
    folder = runs.append(RUN, reported(1), reported(2))
    tail = FamilyTail(folder, END)
    assert drain(tail) == []
    runs.append(RUN, reported(3))
    assert drain(tail) == [(RUN, 3)]


def test_a_line_that_is_not_whole_is_waited_for_and_a_damaged_one_ends_it(runs: Family) -> None:
    line = encode_event(reported(2), 2)
    folder = runs.append(RUN, reported(1), torn=line[:20])
    tail = LedgerTail(folder.ledger)
    assert [number for number, _ in tail.read()] == [1]
    with folder.ledger.open("ab") as file:
        file.write(line[20:])
    assert [number for number, _ in tail.read()] == [2]
    runs.counts[RUN] = 2
    runs.append(RUN, torn=b"damaged\n")
    runs.append(RUN, reported(3))
    assert tail.read() == [] and tail.read() == []
    assert LedgerTail(folder.path / "none").read() == []


@pytest.mark.parametrize("text", ["x", "-1", "1;", "1;a", "1;a=x", "1;a=1,b=2", "1 ", "../1", "9" * 5 + ";" + "a"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no event id"):
        parse_id(RUN, text)


def test_an_id_tells_each_runs_number() -> None:
    numbers = {RUN: 12, SECOND: 3, CHILD: 5}
    assert format_id(RUN, numbers) == f"12;{CHILD}=5;{SECOND}=3"
    assert parse_id(RUN, format_id(RUN, numbers)) == numbers
    assert parse_id(RUN, "7") == {RUN: 7}
    assert parse_id(RUN, "") == {}
