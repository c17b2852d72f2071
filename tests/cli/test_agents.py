"""Which agents a run gets: by name, in a pool, or the first that can work; and who looks at them, `swarm doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import User, task, writes
from tests.cli.test_limit import SPENDER
from tests.real.agents.installed import pins

OPEN = {"id": "a", "subject": "Do a", "files": ["a"]}
KEY = {"ANTHROPIC_API_KEY": "k"}


@pytest.fixture
def user(user: User) -> User:
    """A user on whose PATH no agent can be but those of the test."""
    user.environment["PATH"] = f"{user.base / 'bin'}:/usr/bin:/bin"
    return user


def start_of(user: User) -> dict[str, Any]:
    """The first event of the newest run."""
    return json.loads(user.ledger.splitlines()[0])


def test_auto_says_what_it_takes_and_stays_with_it(user: User) -> None:
    user.place_program("claude", SPENDER)
    said = user.swarm("run", user.tasks(OPEN), "--agent", "auto=2", "--json", **KEY)
    assert said.code == 0, said.err
    others = "; ".join(f"{name}: not installed" for name in ("codex", "opencode", "gemini", "qwen"))
    assert said.err.splitlines()[0] == f"Using: claude 2.1.329 ({others})"
    assert start_of(user)["config"]["pool"] == [{"agent": "claude", "workers": 2}]
    assert said.document["tasks"][0]["outcome"] == "completed"


@pytest.mark.parametrize("place", ["variable", "swarm.toml"])
def test_auto_may_be_said_anywhere(user: User, place: str) -> None:
    user.place_program("claude", "echo 2.1.329")
    if place == "swarm.toml":
        user.write("swarm.toml", 'agent = "auto"\n')
    said = user.swarm(
        "run", user.tasks(OPEN), "--dry-run", **KEY, **({"SWARM_AGENT": "auto"} if place == "variable" else {})
    )
    assert (said.code, said.err.partition(" (")[0]) == (0, "Using: claude 2.1.329")


def test_auto_with_nothing_to_take_is_refused_with_what_to_install(user: User) -> None:
    said = user.swarm("run", user.tasks(OPEN), "--agent", "auto")
    assert said.code == 1
    assert said.err.startswith("error: --agent auto finds no agent that can work here (claude: not installed; codex: ")
    assert said.err.endswith(" hint: npm install -g @anthropic-ai/claude-code; see: swarm doctor\n")
    assert user.untouched


def test_auto_with_an_agent_that_is_logged_out_tells_how_to_log_in(user: User) -> None:
    user.place_program("codex", "echo codex-cli 0.169.0")
    said = user.swarm("run", user.tasks(OPEN), "--agent", "auto")
    assert (said.code, "codex: not logged in" in said.err) == (1, True)
    assert said.err.endswith(" hint: codex login; see: swarm doctor\n")


def test_auto_needs_nothing_where_every_task_has_its_program(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a"))), "--agent", "auto")
    assert (said.code, said.err) == (0, "")
    assert start_of(user)["config"]["pool"] == [{"agent": "command", "workers": None}]


@pytest.mark.parametrize(
    ("name", "problem", "hint"),
    [
        ("claud", "no agent is called 'claud'", "did you mean 'claude'? there are: claude, "),
        ("auto", "auto is chosen for the whole run", "leave the agent out, and use: swarm run --agent auto\n"),
    ],
)
def test_a_task_that_names_an_agent_that_is_none(user: User, name: str, problem: str, hint: str) -> None:
    said = user.swarm("run", user.tasks(OPEN, {"id": "b", "subject": "Do b", "agent": name}), "--agent-cmd", "true")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"error: ~/tasks.json: task b: {problem}\n hint: {hint}")
    assert user.untouched


def test_settings_of_an_agent_that_is_none(user: User) -> None:
    user.write("swarm.toml", "[agents.codx]\nmodel = 'x'\n")
    said = user.swarm("run", user.tasks(OPEN), "--agent-cmd", "true")
    assert (said.code, user.untouched) == (2, True)
    assert said.err.startswith(
        "error: swarm.toml: /agents/codx: no agent is called 'codx'\n hint: did you mean 'codex'? there are: "
    )


def test_doctor_on_a_machine_without_agents(user: User) -> None:
    said = user.swarm("doctor")
    assert (said.code, said.err) == (1, "")
    assert "\n  claude: install it: npm install -g @anthropic-ai/claude-code\n" in said.out
    assert said.lines[-1] == "not ready: no agent can work (tasks with a run of their own can, and --agent-cmd)"


def test_doctor_on_a_machine_that_is_ready(user: User) -> None:
    user.place_program("claude", "echo '2.1.400 (Claude Code)'")
    user.write("swarm.toml", "max_cost = 5\n[agents.claude]\nargs = '--effort low'\n")
    said = user.swarm("doctor", SWARM_MAX_WORKERS="3", NO_COLOR="1", **KEY)
    assert (said.code, said.err) == (0, "")
    words = [" ".join(line.split()) for line in said.lines]
    assert "✓ claude 2.1.400 newer than 2.1.329 yes (ANTHROPIC_API_KEY) ~/bin/claude" in words
    assert "✓ keeper workers that outlive swarm starts" in words
    assert "✓ repository runs from this folder ~/my repo" in words
    assert "max_workers 3 SWARM_MAX_WORKERS" in words
    assert "max_cost 5 swarm.toml" in words
    assert "agents claude: args: --effort, low swarm.toml" in words
    assert "agent command default" in words
    assert words[-1] == "ready: agents that can work: claude"
    assert user.untouched
    assert list(user.base.glob("swarm-doctor-*")) == []


def test_doctor_counts_the_program_of_the_command_agent(user: User) -> None:
    assert user.swarm("doctor", SWARM_AGENT_CMD="sh -c true").code == 0
    assert user.swarm("doctor", SWARM_AGENT_CMD="no-such-program").code == 1


def test_doctor_as_json(user: User) -> None:
    user.place_program("codex", "echo codex-cli 0.169.0")
    (user.base / "swarm.toml").write_text("secrets = ['MY_*']\n")
    said = user.swarm("doctor", "--json", folder=user.base)
    document = said.document
    assert (said.code, document["ok"], said.err) == (1, False, "")
    codex = next(agent for agent in document["agents"] if agent["name"] == "codex")
    assert (codex["version"], codex["fit"], codex["login"]["state"]) == ("0.169.0", "good", "no")
    assert {tool["name"]: tool["fit"] for tool in document["machine"]}["repository"] is None
    assert {"name": "secrets", "value": ["MY_*"], "origin": "swarm.toml"} in document["settings"]


def test_doctor_where_nobody_may_commit(user: User) -> None:
    (user.home / ".gitconfig").unlink()
    said = user.swarm("doctor", SWARM_AGENT_CMD="sh -c true")
    assert said.code == 1
    assert "not ready: see repository" in said.lines[-1]
    assert "git config --global user.name" in said.out


def test_doctor_with_a_git_that_is_too_old(user: User) -> None:
    user.place_program("git", "echo git version 2.30.1")
    said = user.swarm("doctor", SWARM_AGENT_CMD="sh -c true")
    assert (said.code, said.lines[-1]) == (1, "not ready: see git")
    assert "  git: install git 2.38 or newer: merging without a work tree needs it" in said.lines


def test_doctor_asks_the_real_programs(user: User) -> None:
    """Their words for a version are known; where the programs are not installed: `.ci/agents` brings them."""
    there = {name: pin for name, pin in pins().items() if name != "node" and pin.path.exists()}
    if not there:
        pytest.skip("no agent program is there: run .ci/agents")
    node = pins()["node"]
    folders = [str(pin.bin) for pin in (node, *there.values())]
    user.environment["PATH"] = ":".join([*folders, "/usr/bin", "/bin"])
    found = {agent["name"]: agent for agent in user.swarm("doctor", "--json", **KEY).document["agents"]}
    for name, pin in there.items():
        assert (found[name]["version"], found[name]["fit"]) == (pin.version, "good")
        assert Path(found[name]["path"]) == pin.path
