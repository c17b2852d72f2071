"""Ledgers that were cut, damaged or forged: they are refused in words, and no sound line is lost."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmskill.codec import BadLine, NewerVersion, decode_event, encode_event
from swarmskill.core import events as ev
from swarmskill.errors import LedgerDamaged, Refused
from swarmskill.ledger import Recorded, read_ledger
from swarmskill.config import RunConfig
from swarmskill.model import Claim, Ending, Task, Touch, Verdict, WorkerEnd, WorkerResult

END = WorkerEnd(
    ending=Ending.EXITED,
    exit_code=0,
    started_at=1.5,
    ended_at=2.5,
    result=WorkerResult(status=Claim.DONE, detail="né 🐝\n", evidence={"a": [1, {"b": None}]}),
    touched=(Touch("file x: new", "x", named=True),),
)
EVENTS: tuple[ev.Event, ...] = (
    ev.RunStarted(at=1.0, run_id="r", tasks=(Task(id="1", subject="s"),), config=RunConfig(), base="0" * 40),
    ev.WorkerStarted(at=2.0, task="1", attempt=1, pid=7, identity="b.1", worktree="/w", base="0" * 40),
    ev.WorkerExited(at=3.0, task="1", attempt=1, end=END),
    ev.Validated(at=4.0, task="1", attempt=1, verdict=Verdict(), commit="1" * 40),
    ev.Integrated(at=5.0, task="1", attempt=1, commit="1" * 40),
    ev.Reported(at=6.0, session=1, path="/r"),
)
LINES = [encode_event(event, number) for number, event in enumerate(EVENTS, 1)]
WHOLE = b"".join(LINES)

MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "double", "drop"]), st.integers(0, 10**6), st.binary(max_size=6)
    ),
    min_size=1,
    max_size=3,
)


def mutate(data: bytes, mutations: list[tuple[str, int, bytes]]) -> bytes:
    """The data with some bytes wrong."""
    for what, where, more in mutations:
        at = where % (len(data) + 1)
        if what == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 + where % 255)]) + data[at + 1 :]
        elif what == "cut":
            data = data[:at]
        elif what == "insert":
            data = data[:at] + more + data[at:]
        elif what == "double":
            data = data[:at] + data[max(0, at - 40) :]
        elif what == "drop":
            data = data[:at] + data[at + len(more) :]
    return data


def sealed(body: bytes) -> bytes:
    """A line whose checksum fits: what a newer swarm, or somebody with an editor, could have written."""
    return body + b',"crc":"%08x"}' % zlib.crc32(body)


def decode(line: bytes) -> tuple[int, ev.Event] | None:
    try:
        return decode_event(line)
    except (BadLine, NewerVersion):
        return None


@given(line=st.sampled_from(LINES), mutations=MUTATIONS)
def test_a_damaged_line_is_bad_or_the_same(line: bytes, mutations: list[tuple[str, int, bytes]]) -> None:
    mutated = mutate(line[:-1], mutations)
    assert decode(mutated) in (None, decode(line[:-1]))


@given(line=st.sampled_from(LINES), mutations=MUTATIONS)
def test_a_damaged_line_with_a_fitting_checksum_is_data_or_bad(
    line: bytes, mutations: list[tuple[str, int, bytes]]
) -> None:
    body = line[: line.rindex(b',"crc"')]
    found = decode(sealed(mutate(body, mutations)))
    assert found is None or type(found[1]) in {type(event) for event in EVENTS}


@given(junk=st.binary(max_size=300))
def test_junk_is_bad(junk: bytes) -> None:
    assert decode(junk) is None
    assert decode(sealed(junk)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"[1",
        b'{"v":1',
        b'{"v":1,"n":"x","type":"reported"',
        b'{"v":1,"n":[],"type":"reported"',
        b'{"v":1,"type":[]',
        b'{"v":[],"type":{}',
    ],
)
def test_json_of_another_shape_is_bad(body: bytes) -> None:
    assert decode(sealed(body)) is None


def read(folder: Path, data: bytes) -> Recorded | Refused:
    path = folder / "events.jsonl"
    path.write_bytes(data)
    try:
        return read_ledger(path)
    except (Refused, LedgerDamaged) as refused:
        return refused


def sound_prefix(data: bytes) -> int:
    """How many whole lines of the original come first."""
    count = 0
    while count < len(LINES) and data.startswith(b"".join(LINES[: count + 1])):
        count += 1
    return count


@given(mutations=MUTATIONS)
def test_no_sound_line_before_the_damage_is_lost(
    tmp_path_factory: pytest.TempPathFactory, mutations: list[tuple[str, int, bytes]]
) -> None:
    data = mutate(WHOLE, mutations)
    found = read(tmp_path_factory.getbasetemp(), data)
    sound = sound_prefix(data)
    if isinstance(found, Recorded):
        assert found.events[:sound] == EVENTS[:sound]
        assert data[: found.size].endswith(b"\n") or not found.size
        assert found.torn == (found.size < len(data))
    else:
        assert f"line {sound + 1}" in found.message
        assert found.hint


def test_cut_at_every_byte_the_whole_lines_stay(tmp_path: Path) -> None:
    lines = [encode_event(ev.RunResumed(at=1.0, session=number), number) for number in range(1, 4)]
    whole = b"".join(lines)
    ends = [sum(map(len, lines[:count])) for count in range(len(lines) + 1)]
    for size in range(len(whole) + 1):
        found = read(tmp_path, whole[:size])
        assert isinstance(found, Recorded)
        assert len(found.events) == sum(end <= size for end in ends) - 1
        assert found.torn == (size not in ends)


def test_two_lines_in_another_order_are_damage(tmp_path: Path) -> None:
    assert isinstance(read(tmp_path, LINES[1] + LINES[0] + LINES[2]), LedgerDamaged)


def test_a_line_of_a_newer_version_is_refused_and_not_cut(tmp_path: Path) -> None:
    newer = sealed(LINES[1][: LINES[1].rindex(b',"crc"')].replace(b'"v":1', b'"v":2')) + b"\n"
    found = read(tmp_path, LINES[0] + newer)
    assert isinstance(found, Refused)
    assert "version" in found.message
