"""Beads and GitHub issues: claimed, closed, given back and escalated, once and after a doubt."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from swarmskill.answers import Answer, Reply
from swarmskill.model import Outcome, Task
from swarmskill.trackers.base import Called, Desk, TaskEnding
from swarmskill.trackers.registry import find_tracker
from tests.standins import calls, install, issues

COMMIT = "c" * 40


@dataclass(frozen=True)
class Ended:
    exit_code: int
    output: str
    log: str = ""
    timed_out: bool = False
    cannot_start: str = ""


@dataclass(frozen=True)
class Outside:
    """A tracker whose program is the stand-in, and the file with its issues."""

    name: str
    state: Path

    def desk(self) -> Desk:
        def run(argv: Sequence[str], *, timeout: float) -> Called:
            program = self.state.with_suffix("")
            done = subprocess.run([str(program), *argv[1:]], capture_output=True, text=True, check=False)
            return Ended(done.returncode, done.stdout + done.stderr)

        return Desk(run=run, top=self.state.parent, environment={})

    def claim(self, task_id: str, run_id: str = "r", *, again: bool = False) -> Answer:
        task = Task(id=task_id, subject="s")
        return find_tracker(self.name, {}).claim(task, run_id, self.desk(), again=again)

    def tell(self, task_id: str, outcome: Outcome = Outcome.COMPLETED, **more: bool) -> Answer:
        task, commit = Task(id=task_id, subject="s"), COMMIT if outcome is Outcome.COMPLETED else ""
        ending = TaskEnding(task=task, outcome=outcome, commit=commit, detail="why", run_id="r", attempt=2, **more)
        return find_tracker(self.name, {}).tell(ending, self.desk())

    def issue(self, number: str) -> dict[str, Any]:
        return issues(self.state)[number]

    def verbs(self) -> list[str]:
        return [call[1] if self.name == "github" else call[0] for call in calls(self.state)]


def beads(folder: Path, *listed: dict[str, Any], **manners: Any) -> Outside:
    usual = {"title": "A bead", "status": "open", "issue_type": "task"}
    return Outside("beads", install(folder, "bd", [usual | one for one in listed], **manners))


def github(folder: Path, **manners: Any) -> Outside:
    issue = {"number": 7, "title": "An issue", "state": "OPEN", "labels": []}
    return Outside("github", install(folder, "gh", [issue], **manners))


EVERY_BD = pytest.mark.parametrize(
    "manners", [{"old": True}, {}, {"envelope": True}, {"show_object": True}, {"chatter": True}], ids=str
)


@EVERY_BD
def test_a_bead_is_claimed_and_closed(tmp_path: Path, manners: dict[str, Any]) -> None:
    outside = beads(tmp_path, {"id": "bd-1"}, **manners)
    assert outside.claim("bd-1").reply is Reply.ACCEPTED
    assert (outside.issue("bd-1")["status"], outside.issue("bd-1")["assignee"]) == ("in_progress", "me")
    assert outside.tell("bd-1", claimed=True).reply is Reply.ACCEPTED
    assert outside.issue("bd-1")["status"] == "closed"
    assert outside.issue("bd-1")["close_reason"] == f"swarm run r, commit {COMMIT}"
    assert outside.tell("bd-1", claimed=True, again=True).reply is Reply.ACCEPTED
    assert outside.verbs().count("close") == 1


@EVERY_BD
def test_a_claim_in_doubt_is_ours_if_it_says_so(tmp_path: Path, manners: dict[str, Any]) -> None:
    outside = beads(tmp_path, {"id": "bd-1"}, {"id": "bd-2"}, **manners)
    outside.claim("bd-1")
    assert outside.claim("bd-1", again=True).reply is Reply.ACCEPTED
    assert outside.claim("bd-1", "another", again=True).reply is Reply.REFUSED
    assert outside.claim("bd-2", again=True).reply is Reply.ACCEPTED


@EVERY_BD
def test_what_bd_did_not_close_is_not_closed(tmp_path: Path, manners: dict[str, Any]) -> None:
    """Old versions end with 0 and print nothing on standard output."""
    blocker = {"id": "bd-3"}
    blocked = {"id": "bd-2", "dependencies": [{"id": "bd-3", "dependency_type": "blocks"}]}
    outside = beads(tmp_path, {"id": "bd-1"}, blocked, blocker, pinned=["bd-1"], **manners)
    for bead, why in (("bd-1", "is pinned"), ("bd-2", "blocked by bd-3"), ("bd-9", "no issue found")):
        answer = outside.tell(bead)
        assert answer.reply is Reply.REFUSED
        assert answer.detail.startswith("bd did not close it: ") and why in answer.detail
    assert {one["status"] for one in issues(outside.state).values()} == {"open"}


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.CANCELLED])
def test_a_lost_bead_is_given_back(tmp_path: Path, outcome: Outcome) -> None:
    outside = beads(tmp_path, {"id": "bd-1"})
    outside.claim("bd-1")
    assert outside.tell("bd-1", outcome, claimed=True).reply is Reply.ACCEPTED
    assert (outside.issue("bd-1")["status"], outside.issue("bd-1")["assignee"]) == ("open", "")
    assert outside.claim("bd-1", "another").reply is Reply.ACCEPTED


def test_a_bead_that_we_never_had_is_left_alone(tmp_path: Path) -> None:
    outside = beads(tmp_path, {"id": "bd-1", "assignee": "ada"})
    assert outside.claim("bd-1").reply is Reply.REFUSED
    assert {outside.tell("bd-1", outcome).reply for outcome in (Outcome.FAILED, Outcome.LOST)} == {Reply.NOT_TOLD}
    assert outside.issue("bd-1")["assignee"] == "ada"


@EVERY_BD
def test_a_bead_that_failed_is_escalated_once(tmp_path: Path, manners: dict[str, Any]) -> None:
    outside = beads(tmp_path, {"id": "bd-1"}, **manners)
    outside.claim("bd-1")
    for again in (False, True):
        assert outside.tell("bd-1", Outcome.REJECTED, claimed=True, again=again).reply is Reply.ACCEPTED
    issue = outside.issue("bd-1")
    assert (issue["status"], issue["assignee"], set(issue["labels"])) == ("blocked", "", {"swarm-escalated"})
    assert [one["text"] for one in issue["comments"]] == ["swarm run r, attempt 2: rejected. why"]


def test_an_issue_is_closed_once(tmp_path: Path) -> None:
    outside = github(tmp_path)
    for again in (False, True):
        assert outside.tell("7", again=again).reply is Reply.ACCEPTED
    assert outside.issue("7")["state"] == "CLOSED"
    assert len(outside.issue("7")["comments"]) == 1
    assert outside.verbs() == ["close", "view", "view"]


def test_an_issue_that_stays_open_is_refused(tmp_path: Path) -> None:
    answer = github(tmp_path, stuck=["7"]).tell("7")
    assert (answer.reply, "it is open" in answer.detail) == (Reply.REFUSED, True)


def test_why_an_issue_failed_is_said_once(tmp_path: Path) -> None:
    outside = github(tmp_path)
    for again in (False, True):
        assert outside.tell("7", Outcome.FAILED, again=again).reply is Reply.ACCEPTED
    assert [one["body"] for one in outside.issue("7")["comments"]] == ["swarm run r, attempt 2: failed\n\nwhy"]
    assert outside.issue("7")["state"] == "OPEN"


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.CANCELLED, Outcome.SKIPPED])
def test_what_says_nothing_about_an_issue_is_not_said(tmp_path: Path, outcome: Outcome) -> None:
    outside = github(tmp_path)
    assert outside.tell("7", outcome).reply is Reply.NOT_TOLD
    assert calls(outside.state) == []


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.FAILED])
def test_without_a_login_the_fix_is_told(tmp_path: Path, outcome: Outcome) -> None:
    answer = github(tmp_path, logged_out=True).tell("7", outcome)
    assert (answer.reply, "gh auth login" in answer.detail) == (Reply.FAILED, True)
