"""Real Claude Code and Codex in tmux windows, through `swarm run --mode=distributed`: what a person sees, and the commits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmskill.backends.tmux import TmuxBackend
from swarmskill.backends.windows import WindowFiles
from swarmskill.mail.kinds import Kind
from swarmskill.mail.kv import Store
from swarmskill.mail.mailbox import mayor_mailbox
from swarmskill.places import attempt_key, find_run
from tests.real.agents.live import aim
from tests.real.agents.programs import KEY
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script

FIVE = {"model": (), "docs": (), "hash": ("model",), "login": ("model", "docs"), "tests": ("hash", "login")}
IDS = ["a.1:2", "two words 🐝"]


@pytest.fixture
def ended(project: Project) -> Iterator[None]:
    """Whatever a test leaves of tmux is ended."""
    yield
    for folder in project.top.glob(".git/swarm/runs/*/windows"):
        backend = TmuxBackend(folder)
        backend.open()
        for name in backend.running():
            backend.kill(name, force=True)
        backend.close()
        backend.server.end()


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_person_reads_along_and_the_work_is_committed(
    name: str, model: ScriptedModel, project: Project, tmp_path: Path, ended: None
) -> None:
    tasks = [
        {
            "id": task,
            "subject": "Write it",
            "description": "Write it.\n\n"
            + script(
                {"sh": f"swarm kv put {number} yes"},
                {"sh": f"swarm mail reserve '{number}.*'"},
                {"write": f"{number}.txt", "content": "good\n"},
                {"report": {"detail": "wrote it", "artifacts": [f"{number}.txt"], "files_changed": [f"{number}.txt"]}},
                {"text": "The file is written."},
            ),
            "files": [f"{number}.txt"],
            "blockedBy": IDS[:number],
            "validation": {"files_exist": [f"{number}.txt"]},
        }
        for number, task in enumerate(IDS)
    ]
    path = project.write_tasks({"tasks": tasks})
    project.git("commit", "-q", "--allow-empty", "-m", "start")
    project.environment = {**project.environment, **aim(tmp_path / "agent", model, name)}
    if name == "codex":  # the run's folder is below /tmp here, which its sandbox would let it write
        with Path(project.environment["CODEX_HOME"], "config.toml").open("a") as settings:
            settings.write("\n[sandbox_workspace_write]\nexclude_slash_tmp = true\nexclude_tmpdir_env_var = true\n")

    ran = project.swarm("run", path, "--agent", name, "--mode", "distributed", "--wait", "--keep-sessions")

    assert ran.code == 0, ran.stdout + ran.stderr
    assert (project.top / "1.txt").read_text() == "good\n"
    folder = find_run(project.top / ".git")
    server = TmuxBackend(folder.windows).server
    entries = [(one.key, one.value, one.writer) for one in Store(folder.mail).entries()]
    assert entries == [(str(number), "yes", attempt_key(task, 1)) for number, task in enumerate(IDS)]
    assert len(list((folder.mail / "leases" / "released").iterdir())) == 2 * len(IDS), "the manifests', and these"
    if name == "codex":  # in its sandbox, in which it can write nothing of the run's
        errands = [one for one in mayor_mailbox(folder.mail).received() if one.message.kind is Kind.ERRAND]
        assert len(errands) == 2 * len(IDS)
    screens = _screens(project)
    assert set(screens) == {attempt_key(task, 1) for task in IDS}
    for shown in screens.values():
        assert "The file is written." in shown
        assert "> " in shown, "the tools that it used"
        assert "tokens" in shown
        assert '{"' not in shown, "raw JSON"
    assert WindowFiles(str(folder.windows)).jobs()
    assert project.swarm("clean").code == 0
    assert not os.path.exists(server.socket)


def _five() -> list[dict[str, object]]:
    """Five tasks in three waves; the first attempt at one leaves nothing, and its second goes on with the session."""
    half = script({"report": {"detail": "hm", "artifacts": [], "files_changed": []}}, {"text": "hm"}, attempt=1)
    return [
        {
            "id": name,
            "subject": f"Write {name}",
            "description": f"Write {name}.txt.\n\n"
            + script(
                {"write": f"{name}.txt", "content": "good\n"},
                {"report": {"detail": "wrote it", "artifacts": [f"{name}.txt"], "files_changed": [f"{name}.txt"]}},
                {"text": f"{name} is written."},
            )
            + (f"\n\n{half}" if name == "login" else ""),
            "files": [f"{name}.txt"],
            "blockedBy": list(blockers),
            "validation": {"files_exist": [f"{name}.txt"]},
        }
        for name, blockers in FIVE.items()
    ]


def test_claude_works_on_its_own_screen_to_five_commits_and_outlives_the_mayor(
    model: ScriptedModel, project: Project, tmp_path: Path, ended: None
) -> None:
    path = project.write_tasks({"tasks": _five()})
    project.git("commit", "-q", "--allow-empty", "-m", "start")
    project.environment = {**project.environment, **aim(tmp_path / "agent", model, "claude")}
    own = tmp_path / "agent" / "home" / ".claude" / "settings.json"
    own.parent.mkdir()
    own.write_text('{"theme": "light"}')
    how = ("--agent", "claude", "--mode", "distributed", "--interactive", "--wait", "--keep-sessions", "--json")
    drawn: dict[str, str] = {}
    words = [sys.executable, "-m", "swarmskill", "run", str(path), *how]
    with subprocess.Popen(
        words, cwd=project.top, env=project.environment, text=True, stdout=subprocess.PIPE
    ) as process:
        while process.poll() is None and "hash-1" not in drawn:
            drawn |= {name: shown for name, shown in _screens(project).items() if "Claude Code v" in shown}
            time.sleep(0.1)
        process.kill()
    assert drawn, "nobody has seen its own screen"
    document = json.loads(project.swarm("resume", "--json").stdout)

    assert {row["id"]: (row["outcome"], row["attempts"]) for row in document["tasks"]} == {
        name: ("completed", 2 if name == "login" else 1) for name in FIVE
    }
    assert all(row["tokens"] and row["cost_usd"] for row in document["tasks"])
    assert sorted(project.git("log", "--format=%s").split("\n")) == sorted(
        [*(f"Write {name}" for name in FIVE), "start"]
    )
    shown = _screens(project)
    assert set(shown) == {attempt_key(name, 1) for name in FIVE} | {"login-2"}
    assert all("is written." in text for key, text in shown.items() if key != "login-1")
    folder = find_run(project.top / ".git")
    assert list(folder.private("x").parent.iterdir()) == [], "private settings are gone"
    assert own.read_text() == '{"theme": "light"}'
    assert not (tmp_path / "agent" / "home" / ".claude.json").exists(), "the user's state is not written"
    assert [file for file in folder.path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()] == []


def _screens(project: Project) -> dict[str, str]:
    """What each window shows just now, all that can be scrolled back to included."""
    shown = {}
    for folder in project.top.glob(".git/swarm/runs/*/windows"):
        server = TmuxBackend(folder).server
        for key, window in server.windows().items():
            words = ["tmux", "-S", server.socket, "capture-pane", "-p", "-J", "-S", "-", "-t", window.id]
            shown[key] = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return shown


def test_an_agent_answers_what_a_worker_asks(
    model: ScriptedModel, project: Project, tmp_path: Path, ended: None
) -> None:
    """The worker is a shell script, which asks by mail and waits; no person answers."""
    asks = "swarm mail send mayor 'Left or right?' --type HELP_REQUEST --field issue=SPEC_UNCLEAR"
    waits = "swarm mail wait --type HELP_RESPONSE --timeout 100 --json > answer.txt"
    task = {
        "id": "a",
        "subject": "Turn",
        "description": f"Turn.\n\n{script({'text': 'The left one, as the map says.'})}",
        "run": ["sh", "-c", f"{asks} && {waits}"],
        "files": ["answer.txt"],
    }
    path = project.write_tasks({"tasks": [task]})
    project.git("commit", "-q", "--allow-empty", "-m", "start")
    project.environment = {**project.environment, **aim(tmp_path / "agent", model, "claude")}

    ran = project.swarm("run", path, "--mode", "distributed", "--wait", "--help-agent", "claude")

    assert ran.code == 0, ran.stdout + ran.stderr
    answer = (project.top / "answer.txt").read_text()
    assert "The left one, as the map says." in answer
    assert "From the agent claude, not from a person." in answer
    assert "Left or right?" in json.dumps(model.requests()[-1].body)
    cost = json.loads(project.swarm("cost", "--json", "--by", "agent").stdout)
    assert [(row["agent"], row["attempts"]) for row in cost["rows"]] == [("claude", 0), ("command", 1)]
    assert cost["total"]["tokens"] > 0
