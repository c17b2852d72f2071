"""Which agents are found on a machine: real programs that say a version, or do not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from swarmskill.agents.base import LoginState
from swarmskill.agents.detection import Fit, Sighting, Surroundings, first_able, fit_of, survey
from swarmskill.agents.programs import NoAnswer, ask_version
from swarmskill.config import AgentOptions

KEYS = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "CODEX_API_KEY": "k", "GEMINI_API_KEY": "k"}


class Machine:
    """A folder of programs that is all of PATH besides the shell's, and an empty home."""

    def __init__(self, base: Path, patch: pytest.MonkeyPatch) -> None:
        self.bin, self.home = base / "bin", base / "home"
        self.bin.mkdir()
        self.home.mkdir()
        self.path = f"{self.bin}:/usr/bin:/bin"
        self._patch = patch
        patch.setenv("PATH", self.path)

    def place(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def here(
        self, options: dict[str, AgentOptions] | None = None, agent_cmd: str = "", **variables: str
    ) -> Surroundings:
        environment = {"PATH": self.path, "HOME": str(self.home), **variables}
        return Surroundings(environment=environment, home=self.home, options=options or {}, agent_cmd=agent_cmd)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def one(name: str, here: Surroundings) -> Sighting:
    (seen,) = survey([name], here)
    return seen


@pytest.mark.parametrize(
    ("version", "good", "fit"),
    [
        ("2.1.329", ("2.1.329", "2.1.329"), Fit.GOOD),
        ("2.1.330", ("2.1.329", "2.1.329"), Fit.NEWER),
        ("2.1.9", ("2.1.329", "2.1.329"), Fit.OLDER),
        ("0.61.5", ("0.58", "0.61"), Fit.GOOD),
        ("0.57.9", ("0.58", "0.61"), Fit.OLDER),
        ("0.62", ("0.58", "0.61"), Fit.NEWER),
        ("1.0.0-rc.1", ("0.58", "0.61"), Fit.NEWER),
        ("", ("0.58", "0.61"), Fit.UNKNOWN),
        ("nightly", ("0.58", "0.61"), Fit.UNKNOWN),
    ],
)
def test_a_version_against_the_known_good_ones(version: str, good: tuple[str, str], fit: Fit) -> None:
    assert fit_of(version, good) is fit


def test_an_agent_that_is_there_and_logged_in(machine: Machine) -> None:
    path = machine.place("claude", 'echo "2.1.329 (Claude Code)"')
    seen = one("claude", machine.here(ANTHROPIC_API_KEY="k"))
    assert (seen.path, seen.version, seen.fit, seen.able) == (str(path), "2.1.329", Fit.GOOD, True)
    assert (seen.login.state, seen.login.how) == (LoginState.YES, "ANTHROPIC_API_KEY")


def test_an_agent_that_is_not_there_names_its_installation(machine: Machine) -> None:
    seen = one("codex", machine.here(**KEYS))
    assert (seen.able, seen.path, seen.refusal) == (False, "", "not installed")
    assert seen.install == "npm install -g @openai/codex"


def test_an_agent_that_is_logged_out_cannot_work(machine: Machine) -> None:
    machine.place("codex", 'echo "warning: see /tmp/x1.2" >&2; echo "codex-cli 0.170.0-alpha.2"')
    seen = one("codex", machine.here())
    assert (seen.version, seen.fit, seen.able, seen.refusal) == ("0.170.0-alpha.2", Fit.NEWER, False, "not logged in")


def test_the_users_own_command_is_asked(machine: Machine) -> None:
    machine.place("mine", '[ "$1 $2" = "x --version" ] && echo 2.1.329')
    seen = one("claude", machine.here({"claude": AgentOptions(command=(str(machine.bin / "mine"), "x"))}, **KEYS))
    assert (seen.path, seen.version) == (str(machine.bin / "mine"), "2.1.329")


def test_a_program_that_fails_tells_why(machine: Machine) -> None:
    machine.place("claude", "echo 'first line' >&2; echo 'node: not found' >&2; exit 127")
    seen = one("claude", machine.here(**KEYS))
    assert (seen.able, seen.problem) == (False, "`claude --version` failed (127): node: not found")


def test_programs_are_asked_as_workers_are_started(machine: Machine) -> None:
    """Updates are off, and what marks an assistant's own children is not passed on."""
    machine.place("claude", 'echo "1.$DISABLE_AUTOUPDATER.${CLAUDECODE:-0}"')
    assert one("claude", machine.here(CLAUDECODE="7", **KEYS)).version == "1.1.0"


def test_all_programs_are_asked_at_once(machine: Machine) -> None:
    meeting = machine.home / "meeting"
    meeting.mkdir()
    for name in ("claude", "codex"):
        wait = f"until [ $(ls {meeting} | wc -l) = 2 ]; do sleep 0.01; done"
        machine.place(name, f"touch {meeting}/{name}; {wait}; echo 1.2.3")
    assert [seen.version for seen in survey(["claude", "codex"], machine.here(**KEYS))] == ["1.2.3", "1.2.3"]


def test_a_program_that_never_answers_is_ended_with_its_children(machine: Machine) -> None:
    pid = machine.home / "pid"
    machine.place("claude", f"sleep 60 & echo $! > {pid}; wait")
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=r"`claude --version` did not answer in 0.3 seconds"):
        ask_version(["claude"], {"PATH": machine.path}, 0.3)
    assert time.monotonic() - began < 10
    while is_running(int(pid.read_text())):  # the signal is sent; that it is felt may take a moment
        assert time.monotonic() - began < 10
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_what_cannot_be_started_is_told(machine: Machine) -> None:
    with pytest.raises(NoAnswer, match="cannot be started: No such file"):
        ask_version(["claude"], {"PATH": machine.path}, 1)


def test_the_command_agent_can_work_with_a_command(machine: Machine) -> None:
    assert "there is nothing to run" in one("command", machine.here()).problem
    assert one("command", machine.here(agent_cmd="sh -c true")).able


def test_an_agent_that_nobody_knows_is_told_and_the_others_are_looked_at(machine: Machine) -> None:
    unknown, command = survey(["cloude", "command"], machine.here(agent_cmd="true"))
    assert "no agent is called 'cloude'" in unknown.problem
    assert command.able


def test_auto_takes_the_first_that_is_there_answers_and_is_not_logged_out(machine: Machine) -> None:
    chosen, unable = first_able(machine.here(agent_cmd="true", **KEYS))
    assert chosen is None
    assert [(seen.name, seen.refusal) for seen in unable] == [
        (name, "not installed") for name in ("claude", "codex", "opencode", "gemini", "qwen")
    ]
    asked = machine.home / "asked"
    machine.place("gemini", f"touch {asked}; echo 0.61.0")
    machine.place("opencode", "echo 1.18.33")
    machine.place("codex", "exit 1")
    machine.place("claude", "echo 2.1.329")
    chosen, unable = first_able(machine.here(OPENAI_API_KEY="k", CODEX_API_KEY="k", GEMINI_API_KEY="k"))
    assert chosen is not None
    assert (chosen.name, chosen.version) == ("opencode", "1.18.33")
    assert [(seen.name, seen.refusal) for seen in unable] == [
        ("claude", "not logged in"),
        ("codex", "`codex --version` failed (1): it said nothing"),
        ("qwen", "not installed"),
    ]
    assert not asked.exists(), "those after the chosen one are not started"


@pytest.mark.usefixtures("offered")
def test_agents_of_other_packages_are_looked_at_and_may_fail(machine: Machine) -> None:
    fine, broken, raising = survey(["other", "broken", "raising"], machine.here())
    assert fine.able
    assert "cannot be loaded" in broken.problem
    assert "RuntimeError: no luck" in raising.problem
    chosen, _ = first_able(machine.here())
    assert chosen is not None
    assert chosen.name == "other"


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that offers three agents, two of which are no good."""
    package = tmp_path / "package"
    (package / "offering-1.0.dist-info").mkdir(parents=True)
    (package / "offering.py").write_text(
        "from swarmskill.agents.command import CommandAgent\n"
        "class Fine(CommandAgent):\n    name = 'other'\n    def missing(self, task, agent_cmd, options=None): return ''\n"
        "class Raising(CommandAgent):\n    def missing(self, *words): raise RuntimeError('no luck')\n"
        "FINE, RAISING = Fine(), Raising()\n"
    )
    info = package / "offering-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[swarmskill.agents]\nother = offering:FINE\nbroken = offering:NOTHING\nraising = offering:RAISING\n"
    )
    monkeypatch.syspath_prepend(str(package))
