"""Claude Code on its own screen: its private settings, how it is called, what is taken over of its conversation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from swarmskill.agents.base import Assignment, ScreenAgent
from swarmskill.agents.claude import AGENT
from swarmskill.agents.claude_home import make_home, remove_home
from swarmskill.agents.claude_screen import Conversation
from swarmskill.agents.codex import AGENT as CODEX
from swarmskill.model import Task

KEY = "sk-0123456789-0123456789-0123456789"


def user(folder: Path, state: Path) -> None:
    """A user who has settings, a login and a state of their own."""
    (folder / "skills" / "mine").mkdir(parents=True)
    (folder / "settings.json").write_text('{"model": "opus"}')
    (folder / ".credentials.json").write_text('{"claudeAiOauth": {"accessToken": "secret"}}')
    kept = {
        "theme": "light",
        "oauthAccount": {"name": "Ada"},
        "projects": {"/top": {"allowedTools": ["x"]}, "/other": {}},
    }
    state.write_text(json.dumps({**kept, "customApiKeyResponses": {"approved": ["old"], "rejected": ["no"]}}))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "private"}


@pytest.mark.parametrize("named", [False, True])
def test_dialogs_are_answered_in_a_private_folder_and_the_users_own_is_only_read(tmp_path: Path, named: bool) -> None:
    home, private = tmp_path / "home", tmp_path / "private"
    own = home / "elsewhere" if named else home / ".claude"
    user(own, own / ".claude.json" if named else home / ".claude.json")
    before = tree(home)
    environment = {"HOME": str(home), "ANTHROPIC_API_KEY": KEY} | ({"CLAUDE_CONFIG_DIR": str(own)} if named else {})

    variables = make_home(private, environment, (Path("/top"), Path("/tree")), yolo=False)

    assert variables == {
        "CLAUDE_CONFIG_DIR": str(private),
        "CLAUDE_SECURESTORAGE_CONFIG_DIR": str(own) if named else "",  # the login is looked for where it is
    }
    assert private.stat().st_mode & 0o777 == 0o700
    state = json.loads((private / ".claude.json").read_text())
    assert state["hasCompletedOnboarding"] is True
    assert (state["theme"], state["oauthAccount"]) == ("light", {"name": "Ada"})
    assert set(state["projects"]) == {"/top", "/tree"}
    assert all(project["hasTrustDialogAccepted"] for project in state["projects"].values())
    assert state["projects"]["/top"]["allowedTools"] == ["x"]
    assert state["customApiKeyResponses"] == {"approved": ["old", KEY[-20:]], "rejected": ["no"]}
    assert "bypassPermissionsModeAccepted" not in state
    assert json.loads((private / "settings.json").read_text()) == {"model": "opus"}
    assert not (private / ".credentials.json").exists()
    assert (private / "projects").resolve() == own / "projects"
    assert tree(home) == before
    remove_home(private)
    assert not private.exists()
    assert (own / "skills" / "mine").is_dir()


def test_a_key_that_the_user_has_rejected_is_not_approved_of(tmp_path: Path) -> None:
    asked = {"approved": [], "rejected": [KEY[-20:]]}
    (tmp_path / ".claude.json").write_text(json.dumps({"customApiKeyResponses": asked}))
    make_home(tmp_path / "p", {"HOME": str(tmp_path), "ANTHROPIC_API_KEY": KEY}, (), yolo=True)
    state = json.loads((tmp_path / "p" / ".claude.json").read_text())
    assert state["customApiKeyResponses"] == asked
    assert state["bypassPermissionsModeAccepted"] is True


def test_it_is_called_with_the_options_that_it_has_headless(tmp_path: Path) -> None:
    assignment = Assignment(
        run_id="r", task=Task(id="1", subject="s"), attempt=2, worktree=tmp_path, prompt_file=tmp_path / "p.md",
        result_file=tmp_path / "r.json", model="haiku", session="abc", allowed=(("npm", "test"),), max_cost=1.0,
        private=tmp_path / "private",
    )  # fmt: skip
    argv = list(AGENT.on_screen(assignment).argv)
    driver, program = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    assert driver == [
        sys.executable, "-P", "-m", "swarmskill.agents.claude_screen", "--prompt", str(tmp_path / "p.md"),
        "--result", str(tmp_path / "r.json"), "--home", str(tmp_path / "private"), "--resumed",
    ]  # fmt: skip
    headless = list(AGENT.invocation(assignment).argv)
    shared = [word for word in headless if word not in ("-p", "--verbose", "--output-format", "stream-json")]
    assert program == shared[: shared.index("--max-budget-usd")], "which is one of headless sessions only"


def test_which_agents_can() -> None:
    assert isinstance(AGENT, ScreenAgent)
    assert not isinstance(CODEX, ScreenAgent)


def test_conversation_is_taken_over_line_by_line_without_what_was_said_before(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    told = {"transcript_path": str(path), "session_id": "abc", "cwd": "/tree"}
    fresh, resumed = Conversation(resumed=False), Conversation(resumed=True)
    assert [line["session_id"] for line in fresh.begin(told)] == ["abc"]
    assert list(fresh.read()) == []
    path.write_text('{"type": "mode"}\n{"type": "assistant", "message": {"id": "1"}}\n')
    assert list(resumed.begin(told)) == [
        {"type": "system", "subtype": "init", "session_id": "abc", "cwd": "/tree", "model": ""}
    ]
    assert list(resumed.begin(told)) == []
    assert list(resumed.read()) == []
    assert list(fresh.read()) == [{"type": "assistant", "message": {"id": "1"}}]
    with path.open("a") as file:
        file.write('{"type": "cost-state", "modelUsage": {"m": {"inputTokens": 3}}}\n{"type": "user", "isSide')
        file.flush()
        assert list(resumed.read()) == []
        file.write('chain": true, "message": {}}\n{"type": "assistant", "isApiErrorMessage": true, "message": {}}\n')
        file.flush()
    assert list(resumed.read()) == [
        {"type": "user", "message": {}, "parent_tool_use_id": "sub-agent"},
        {"type": "assistant", "message": {}, "is_api_error_message": True},
    ]
    assert resumed.usage == {"m": {"inputTokens": 3}}
