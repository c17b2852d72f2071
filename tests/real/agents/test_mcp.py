"""`swarm mcp` in real assistants: a run from their tools to the commits, past the sandbox where there is one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.real.agents.live import aim, require, run
from tests.real.agents.test_skill import tasks_in, with_swarm
from tests.real.agents.programs import PROGRAMS
from tests.real.harness import ROOT, Project
from tests.scripted_model import ScriptedModel, script

pytest.importorskip("mcp", reason="pip install 'swarmskill[mcp]'")

SERVER = [sys.executable, "-P", "-m", "swarmskill", "mcp"]
RUN_ID = r"$RE:run_id\W+([0-9]{8}-[0-9]{6}-[a-z]+-[a-z]+)"


def steps(prefix: str) -> list[dict[str, Any]]:
    """What the model does: start, wait, status, an error."""
    return [
        {"tool": f"{prefix}plan", "input": {"tasks": "tasks.json"}},
        {"tool": f"{prefix}start", "input": {"tasks": "tasks.json", "max_workers": 2}},
        {"tool": f"{prefix}wait", "input": {"run": RUN_ID, "seconds": 50}},
        {"tool": f"{prefix}status", "input": {"run": RUN_ID}},
        {"tool": f"{prefix}status", "input": {"run": "no-such-run"}},
        {"text": "done"},
    ]


def results(model: ScriptedModel, label: str) -> str:
    """All that the model was last shown, plain."""
    last = [one.body for one in model.requests(label) if one.asks_model][-1]
    return json.dumps(last).replace("\\", "")


def ends_well(project: Project, shown: str) -> None:
    assert project.git("log", "--format=%s").splitlines() == ["Write two", "Write one", "Start"], shown
    assert re.search(r'"waves":\s*\[\["one"\],\s*\["two"\]\]', shown)
    assert len(re.findall(r'"outcome":\s*"completed",\s*"counts":\s*\{"completed":\s*2\}', shown)) >= 2, (
        "wait and status"
    )
    assert "no run is called 'no-such-run'" in shown
    assert "hint: there are:" in shown
    assert "swarm runs a list of coding tasks" in shown, "the server's instructions"


def test_claude_code_drives_a_run(model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    environment = with_swarm(aim(tmp_path / "agent", model, "claude"))
    tasks_in(project)
    settings = tmp_path / "mcp.json"
    settings.write_text(json.dumps({"mcpServers": {"swarm": {"command": SERVER[0], "args": SERVER[1:]}}}))
    allowed = [f"mcp__swarm__{tool}" for tool in ("plan", "start", "wait", "status")]
    options = ["--mcp-config", str(settings), "--strict-mcp-config", "--allowedTools", *allowed]
    ran = run("claude", script(*steps("mcp__swarm__")), project.top, environment, *options, timeout=120)
    assert ran.code == 0, ran.stdout + ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    start = next(line for line in lines if line.get("subtype") == "init")
    assert {"name": "swarm", "status": "connected"}.items() <= start["mcp_servers"][0].items()
    assert lines[-1]["permission_denials"] == []
    ends_well(project, results(model, "claude"))


def test_codex_drives_a_run_past_its_sandbox(model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    """Its own shell may not write in .git; the server runs outside of the sandbox, so the commits land."""
    environment = with_swarm(aim(tmp_path / "agent", model, "codex"))
    tasks_in(project)
    with (Path(environment["CODEX_HOME"]) / "config.toml").open("a") as settings:
        settings.write(f"""
[mcp_servers.swarm]
command = {json.dumps(SERVER[0])}
args = {json.dumps(SERVER[1:])}
env_vars = ["PYTHONPATH", "GIT_CONFIG_NOSYSTEM"]
startup_timeout_sec = 30
required = true
tool_timeout_sec = 120
default_tools_approval_mode = "approve"
""")
    sandboxed = {"sh": "git commit --allow-empty -qm forbidden || echo cannot-commit"}
    ran = run("codex", script(sandboxed, *steps("mcp__swarm.")), project.top, environment, timeout=120)
    assert ran.code == 0, ran.stdout + ran.stderr
    items = [json.loads(line).get("item", {}) for line in ran.stdout.splitlines()]
    assert any("cannot-commit" in item.get("aggregated_output", "") for item in items), ran.stdout
    calls = {
        item["tool"]: item for item in items if item.get("type") == "mcp_tool_call" and item["status"] != "in_progress"
    }
    assert set(calls) == {"plan", "start", "wait", "status"}, ran.stdout
    ends_well(project, results(model, "codex"))


def commands_of_the_page() -> dict[str, str]:
    """What to do, by assistant."""
    page = (ROOT / "references" / "mcp.md").read_text(encoding="utf-8")
    section = page.partition("## Set-up\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (\w+)[^|]* \| [^`\n]*`(.+?)`", section, re.M))
    return {name.lower(): command for name, command in rows.items()}


def test_every_assistant_is_on_the_page() -> None:
    assert set(commands_of_the_page()) == set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_the_page_says_adds_the_server(name: str, model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    environment = with_swarm(aim(tmp_path / "agent", model, name))
    told = commands_of_the_page()[name]

    def call(*words: str) -> str:
        done = subprocess.run(
            [str(require(name)), *words], cwd=project.top, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60, check=True,
        )  # fmt: skip
        return done.stdout + done.stderr

    if told.startswith("{"):
        (project.top / "opencode.json").write_text(told)
    else:
        call(*told.split()[1:])
    listed = call("mcp", "list")
    assert re.search(r"swarm\b.*(connected|enabled)", listed, re.I), listed
