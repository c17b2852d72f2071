"""What every tracker promises, whatever is behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from swarmskill.errors import UsageError
from swarmskill.answers import Answer, Reply
from swarmskill.model import Outcome, Task
from swarmskill.trackers.base import Called, CallLost, Desk, Missing, TaskEnding, Tracker
from swarmskill.trackers.registry import BUILT_IN, find_tracker, tracker_names

TASK = Task(id="q.1", subject="Write it")
OPTIONS = {
    "ratchet": {},
    "beads": {},
    "github": {"repo": "them/theirs"},
    "checkbox": {"file": "list.md"},
    "status": {"file": "tasks.json", "form": "task-master"},
}
PROGRAMS = {"ratchet", "beads", "github"}
"""Trackers that call a program; the others write a file."""

TOLD = [outcome for outcome in Outcome if outcome not in (Outcome.SKIPPED, Outcome.CANCELLED)]
every_tracker = pytest.mark.parametrize("name", sorted(BUILT_IN))


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    exit_code: int = 0
    output: str = ""
    timed_out: bool = False
    cannot_start: str = ""
    log: str = ""


ENDS = [
    *(Ended(code) for code in (0, 1, 2, 42, 127, 137)),
    *(Ended(0, text) for text in ("[]", "{", '{"data": 3}', "[[[1]]]", "\x00\xff", "null")),
    Ended(143, timed_out=True),
    Ended(127, cannot_start="no such file"),
]


@dataclass
class Program:
    """A program that ends in the same way each time it is called; None: it vanishes."""

    end: Ended | None
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], *, timeout: float) -> Called:
        assert timeout > 0 and all(isinstance(word, str) for word in argv)
        self.calls.append(tuple(argv))
        if self.end is None:
            raise CallLost("gone")
        return self.end


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "list.md").write_text("- [ ] Write it\n")
    listed = {"master": {"tasks": [{"id": 1, "title": "Write it", "status": "pending"}]}}
    (tmp_path / "tasks.json").write_text(json.dumps(listed))
    return tmp_path


def tracker(name: str, folder: Path) -> Tracker:
    options = dict(OPTIONS[name])
    if "file" in options:
        options["file"] = str(folder / options["file"])
    return find_tracker(name, options)


def desk(folder: Path, program: Program) -> Desk:
    return Desk(run=program, top=folder, environment={"PATH": "/nowhere"})


def ending(outcome: Outcome, **more: bool) -> TaskEnding:
    commit = "c" * 40 if outcome is Outcome.COMPLETED else ""
    return TaskEnding(task=TASK, outcome=outcome, commit=commit, detail="why", run_id="r", attempt=1, **more)


def test_every_tracker_is_in_the_registry_and_in_this_suite() -> None:
    assert set(tracker_names()) == set(BUILT_IN) == set(OPTIONS)
    with pytest.raises(UsageError) as caught:
        find_tracker("ratchett", {})
    assert "did you mean 'ratchet'?" in caught.value.hint


@every_tracker
def test_it_has_its_name_and_refuses_options_that_it_does_not_know(name: str, folder: Path) -> None:
    assert tracker(name, folder).name == name
    with pytest.raises(UsageError) as caught:
        find_tracker(name, {**OPTIONS[name], "colour": "red"})
    assert "colour" in caught.value.message
    assert caught.value.hint


@every_tracker
def test_it_says_what_is_missing(name: str, folder: Path) -> None:
    missing = tracker(name, folder).missing({"PATH": str(folder)})
    if name in PROGRAMS:
        assert isinstance(missing, Missing)
        assert missing.problem and missing.hint
        assert "\n" not in missing.problem + missing.hint
    else:
        assert missing is None


@every_tracker
@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_it_answers_whatever_its_program_does(name: str, folder: Path, end: Ended) -> None:
    """Never an exception; and no completion counts as recorded that the program cannot have recorded."""
    made = tracker(name, folder)
    assert isinstance(made.claim(TASK, "r", desk(folder, Program(end)), again=False), Answer)
    for outcome in TOLD:
        for again in (False, True):
            program = Program(end)
            answer = made.tell(ending(outcome, again=again, claimed=True), desk(folder, program))
            assert isinstance(answer, Answer)
            failed = end.cannot_start or end.timed_out or end.exit_code not in (0, 42)
            if program.calls and failed:
                assert not answer.taken, f"{outcome}: {answer}"
                assert answer.detail
            if outcome is Outcome.COMPLETED and name in PROGRAMS:
                assert program.calls, "a completion was kept from it"


@every_tracker
def test_a_program_that_vanishes_is_left_to_whoever_asked(name: str, folder: Path) -> None:
    if name not in PROGRAMS:
        pytest.skip("calls no program")
    with pytest.raises(CallLost):
        tracker(name, folder).tell(ending(Outcome.COMPLETED), desk(folder, Program(None)))


@every_tracker
def test_to_tell_the_same_again_does_no_harm(name: str, folder: Path) -> None:
    made, said = tracker(name, folder), []
    for again in (False, True):
        said.append(made.tell(ending(Outcome.COMPLETED, again=again), desk(folder, Program(Ended(0)))).reply)
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("code", "reply"),
    [(0, Reply.ACCEPTED), (1, Reply.REFUSED), (2, Reply.ESCALATED), (42, Reply.ALL_COMPLETE), (3, Reply.FAILED)],
)
def test_the_exit_codes_of_the_ratchet(folder: Path, code: int, reply: Reply) -> None:
    program = Program(Ended(code, "one\n\ntwo\n"))
    answer = tracker("ratchet", folder).tell(ending(Outcome.COMPLETED), desk(folder, program))
    assert (answer.reply, answer.exit_code) == (reply, code)
    assert program.calls == [("ol", "hero", "ratchet", "q.1", "--quest", "q")]
    assert answer.detail == ("" if answer.taken else "one; two")


def test_what_a_value_holds_is_never_a_place_of_the_command(folder: Path) -> None:
    made = find_tracker("ratchet", {"command": "note '{id} {run}' {quest}"})
    odd = TaskEnding(
        task=Task(id="{quest}.{commit}", subject=""),
        outcome=Outcome.COMPLETED,
        commit="c",
        detail="",
        run_id="{id}",
        attempt=1,
    )
    program = Program(Ended(0))
    made.tell(odd, desk(folder, program))
    assert program.calls == [("note", "{quest}.{commit} {id}", "{quest}")]
