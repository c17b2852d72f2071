"""`/swarm` in the real assistants, with workers that they spawn with tools of their own, from the prompt to the commits."""

from __future__ import annotations

import json
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.real.agents.live import aim, require
from tests.real.agents.programs import PROGRAMS
from tests.real.agents.recording import transcript
from tests.real.agents.test_skill import swarm, with_swarm
from tests.real.harness import ROOT, Project
from tests.scripted_model import ScriptedModel, script

V1 = "multi_agent_v1.spawn_agent,multi_agent_v1.wait_agent,multi_agent_v1.send_input"
TEAMS = {"CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS": "1"}
V2 = "collaboration.spawn_agent,collaboration.wait_agent,collaboration.followup_task"


def worker_script(name: str, content: str = "done\n", *, attempt: int | None = None, report: bool = True) -> str:
    steps: list[dict[str, Any]] = [{"write": name, "content": content}]
    steps += [{"report": {"detail": f"wrote {name}", "artifacts": [name]}}] if report else []
    return script(*steps, {"text": "done"}, attempt=attempt)


def todo(name: str, *scripts: str, **more: Any) -> dict[str, Any]:
    """A task whose description holds what its worker's model plays."""
    told = "\n".join(scripts or [worker_script(name)])
    check = {"content_check": {"file": name, "pattern": "^done"}}
    return {"id": name, "subject": f"Write {name}", "description": told, "files": [name], "validation": check, **more}


def given(project: Project, *tasks: dict[str, Any]) -> None:
    (project.top / "README.md").write_text("a project\n")
    project.commit_all("Start")
    (project.top / "tasks.json").write_text(json.dumps(tasks))


def host(name: str, model: ScriptedModel, tmp_path: Path) -> dict[str, str]:
    environment = with_swarm(aim(tmp_path / "agent", model, name))
    swarm("install", name, folder=tmp_path, environment=environment)
    return environment


def call(
    name: str, tools: str, project: Project, environment: dict[str, str], *more: str, wait: int = 0
) -> subprocess.CompletedProcess[str]:
    argv = [word.replace("workspace-write", "danger-full-access") for word in PROGRAMS[name].argv(project.top)]
    sign = "$" if name == "codex" else "/"
    return subprocess.run(
        [str(require(name)), argv[1], *more, *argv[2:]], cwd=project.top, env=environment,
        input=f"{sign}swarm tasks.json SWARM[{tools}{f' wait={wait}' if wait else ''}]", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def log(project: Project) -> list[str]:
    return project.git("log", "--format=%s").splitlines()


HOSTS = [
    pytest.param("claude", "Agent,SendMessage", [], {}, "SendMessage", id="claude, named agents"),
    pytest.param("claude", "Agent,SendMessage", [], TEAMS, "SendMessage", id="claude, team"),
    pytest.param("claude", "Agent", [], {}, "", id="claude, background tasks"),
    pytest.param("codex", V1, [], {}, "send_input", id="codex, first generation"),
    pytest.param("codex", V2, ["--enable", "multi_agent_v2"], {}, "followup_task", id="codex, second generation"),
]
"""Program, its tools, options, variables, and the tool by which it reaches a worker again, if it can."""


@pytest.mark.parametrize(("name", "tools", "more", "variables", "message"), HOSTS)
def test_from_the_prompt_to_the_commits(
    name: str,
    tools: str,
    more: list[str],
    variables: dict[str, str],
    message: str,
    model: ScriptedModel,
    project: Project,
    tmp_path: Path,
) -> None:
    """Two waves. A worker fails its check, one ends without a word: both are asked again, in their session if it can be."""
    environment = host(name, model, tmp_path) | variables
    silent = todo("Two.2 b", script({"text": "done!"}, attempt=1), worker_script("two", attempt=2), files=["two"])
    silent["validation"] = {"files_exist": ["two"]}
    wrong = todo("three", worker_script("three", "wrong\n"), worker_script("three", attempt=2), blockedBy=["one"])
    given(project, todo("one"), silent, wrong)
    done = call(name, tools, project, environment, *more, wait=3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(log(project)) == ["Start", "Write Two.2 b", "Write one", "Write three"], done.stdout + done.stderr
    told = swarm("status", "--json", folder=project.top, environment=environment).stdout
    assert {task["id"]: task["attempts"] for task in json.loads(told)["tasks"]} == {"one": 1, "Two.2 b": 2, "three": 2}
    made = calls(model, name)
    spawned = [one for one in made if one in ("Agent", "spawn_agent")]
    assert len(spawned) == (3 if message else 5)
    assert made.count(message) == (2 if message else 0)
    assert refused(model, name) == []
    assert denied(done.stdout) == []


def test_claude_code_needs_no_more_than_the_plugin_s_folder(
    model: ScriptedModel, project: Project, tmp_path: Path
) -> None:
    """What a skill permits ends with its turn, so the whole loop is one turn: no `--allowedTools` are needed."""
    environment = with_swarm(aim(tmp_path / "agent", model, "claude"))
    given(project, todo("one"), todo("two", blockedBy=["one"]))
    done = call("claude", "Agent,SendMessage", project, environment, "--plugin-dir", str(ROOT))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(log(project)) == ["Start", "Write one", "Write two"], done.stdout + done.stderr
    assert denied(done.stdout) == refused(model, "claude") == []


def test_claude_code_s_hooks_send_a_silent_worker_back_and_take_results(
    model: ScriptedModel, project: Project, tmp_path: Path
) -> None:
    """With them a worker that would have been silent has its result in its first attempt."""
    environment = host("claude", model, tmp_path)
    swarm("install", "claude", "--hooks", folder=tmp_path, environment=environment)
    forgets = [{"write": "one", "content": "done\n"}, {"text": "done!"}, {"report": {"detail": "wrote one"}}]
    given(project, todo("one", script(*forgets, {"text": "done"})), todo("two", blockedBy=["one"]))
    done = call("claude", "Agent,SendMessage", project, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(log(project)) == ["Start", "Write one", "Write two"], done.stdout + done.stderr
    told = swarm("status", "--json", folder=project.top, environment=environment).stdout
    assert {task["id"]: task["attempts"] for task in json.loads(told)["tasks"]} == {"one": 1, "two": 1}
    assert any("task one has no result yet" in json.dumps(request.body) for request in model.requests())
    assert denied(done.stdout) == refused(model, "claude") == []


def denied(stdout: str) -> list[Any]:
    """Calls that Claude Code did not permit, in any turn; Codex tells of none."""
    lines = [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]
    return [one for line in lines for one in line.get("permission_denials", ())]


def calls(model: ScriptedModel, name: str) -> list[str]:
    """Names of the tools that were called, in the longest conversation."""
    items = longest(model, name)
    parts = (
        [part for item in items if item.get("role") == "assistant" for part in item["content"]]
        if name == "claude"
        else items
    )
    return [part["name"] for part in parts if part.get("type") in ("tool_use", "function_call")]


def refused(model: ScriptedModel, name: str) -> list[str]:
    """Answers of tools that tell of an error, but for a `swarm done` to which nothing came in its time."""
    items = longest(model, name)
    results = (
        [part for item in items if isinstance(item.get("content"), list) for part in item["content"]]
        if name == "claude"
        else items
    )
    wrong = [json.dumps(part) for part in results if part.get("type") == "tool_result" and part.get("is_error")]
    outputs = [str(item.get("output")) for item in items if str(item.get("type")).endswith("_output")]
    wrong += [text for text in outputs if re.search(r"\berror\b|failed to parse|unknown|must use", text, re.I)]
    return [text for text in wrong if "nothing has come from" not in text]


def longest(model: ScriptedModel, name: str) -> list[dict[str, Any]]:
    """The messages of the mayor's last request."""
    key = "messages" if name == "claude" else "input"
    asked = [
        one.body[key]
        for one in model.requests(name)
        if isinstance(one.body, dict) and "SWARM[" in json.dumps(one.body.get(key))
    ]
    return list(max(asked, key=len))


RECORDED = [HOSTS[0], HOSTS[3]]


@pytest.mark.parametrize(("name", "tools", "more", "variables", "message"), RECORDED)
def test_the_recording_tells_how_it_goes(
    name: str,
    tools: str,
    more: list[str],
    variables: dict[str, str],
    message: str,
    model: ScriptedModel,
    project: Project,
    tmp_path: Path,
    rewrite: bool,
) -> None:
    """`references/recordings/`: one worker after the other ends, the last fails its check at first."""
    environment = host(name, model, tmp_path) | variables
    late = [{"sleep": 4}, {"write": "two", "content": "done\n"}]
    slow = script(late, {"report": {"detail": "wrote two"}}, {"text": "done"})
    wrong = todo("three", worker_script("three", "wrong\n"), worker_script("three", attempt=2), blockedBy=["one"])
    given(project, todo("one"), todo("two", slow), wrong)
    done = call(name, tools, project, environment, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    told = transcript(name, longest(model, name), str(project.top), "\n".join(log(project)))
    assert told.endswith("$ git log --format=%s\n  Write three\n  Write two\n  Write one\n  Start\n")
    page = ROOT / "references" / "recordings" / f"{name}.txt"
    if rewrite:
        page.parent.mkdir(exist_ok=True)
        page.write_text(told, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == told, (
        f"make it anew: pytest {Path(__file__).relative_to(ROOT)} --rewrite"
    )


def test_when_the_assistant_is_killed_another_goes_on(model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    """Claude Code dies with its workers in the second wave; a new session takes the run over and comes to its end."""
    environment = host("claude", model, tmp_path)
    stuck = script([{"sleep": 60}, {"text": "too late"}], attempt=1)
    given(project, todo("one"), todo("two"), todo("three", stuck, worker_script("three", attempt=2), blockedBy=["one"]))
    argv = PROGRAMS["claude"].argv(project.top)[1:]
    with subprocess.Popen(
        [str(require("claude")), *argv], cwd=project.top, env=environment, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as first:  # fmt: skip
        assert first.stdin is not None
        first.stdin.write("/swarm tasks.json SWARM[Agent,SendMessage]")
        first.stdin.close()
        ledgers = project.top / ".git" / "swarm" / "runs"
        deadline = time.monotonic() + 60
        while not any(_has_worker(path, "three") for path in ledgers.glob("*/events.jsonl")):
            assert time.monotonic() < deadline and first.poll() is None
            time.sleep(0.05)
        for process in [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        first.wait()
    assert sorted(log(project)) == ["Start", "Write one", "Write two"]
    done = call("claude", "Agent,SendMessage", project, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is taken over from" in done.stdout
    assert sorted(log(project)) == ["Start", "Write one", "Write three", "Write two"]
    assert len(list(ledgers.iterdir())) == 1


def _has_worker(ledger: Path, task_id: str) -> bool:
    lines = ledger.read_text(encoding="utf-8").splitlines()
    return any('"worker_started"' in line and f'"task":"{task_id}"' in line for line in lines)
