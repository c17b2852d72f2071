"""Claude Code, headless: `claude -p` with a stream of JSON lines; or on its own screen, see `claude_screen`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from swarmskill.agents.base import NO_OPTIONS, Assignment, Invocation, Login, LoginState, Program
from swarmskill.agents.claude_stream import ClaudeStreamReader, Dialect
from swarmskill.agents.programs import missing_program, program_words
from swarmskill.agents.text import as_object, table, text
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Task, Usage

_READS_GIT = tuple(("git", verb) for verb in ("status", "diff", "log", "show", "blame", "ls-files", "grep"))

_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    # Its own retries go on for minutes, each worker by itself. Ours are for all workers together.
    "CLAUDE_CODE_MAX_RETRIES": "2",
}

_KEYS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
)


class ClaudeAgent:
    """See the module."""

    name = "claude"
    program = Program(
        command=("claude",),
        install="npm install -g @anthropic-ai/claude-code",
        good=("2.1.329", "2.1.329"),
        debris=r".+\.tmp\.\d+\.[0-9a-f]{12}",  # it writes aside and renames; seen where its budget ended it
    )

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """Why it cannot work on the task, with what to do about it; "" if it can."""
        return missing_program(self.program, options)

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment."""
        options = assignment.options
        argv = [*program_words(self.program, options), "-p", "--output-format", "stream-json", "--verbose"]
        argv += _common(assignment)
        if assignment.max_cost is not None:
            # It counts what this process spends, not what the session had spent before.
            argv += ["--max-budget-usd", f"{assignment.max_cost:.6f}"]
        return Invocation(argv=(*argv, *options.args), stdin=assignment.prompt_file, env=_variables(assignment))

    def on_screen(self, assignment: Assignment) -> Invocation:
        """How to call it on its own screen, where what it spends is only counted: its cap is for headless use."""
        options = assignment.options
        driver = [sys.executable, "-P", "-m", "swarmskill.agents.claude_screen"]
        driver += ["--prompt", str(assignment.prompt_file), "--result", str(assignment.result_file)]
        driver += ["--home", str(assignment.private)]
        driver += ["--resumed"] if assignment.session else []
        driver += ["--yolo"] if assignment.yolo else []
        argv = [*program_words(self.program, options), *_common(assignment)]
        return Invocation(argv=(*driver, "--", *argv, *options.args), env=_variables(assignment))

    def reader(self, earlier: Usage = NOTHING_USED) -> ClaudeStreamReader:
        """A reader for one worker's output."""
        return ClaudeStreamReader(Dialect(), earlier)

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """Whether it is logged in, told from variables and files alone."""
        for name in _KEYS:
            if environment.get(name):
                return Login(LoginState.YES, name)
        folder = environment.get("CLAUDE_CONFIG_DIR")
        config = Path(folder) if folder else home / ".claude"
        if text(table(_read(config / ".credentials.json"), "claudeAiOauth").get("accessToken")):
            return Login(LoginState.YES, str(config / ".credentials.json"))
        state = (config if folder else home) / ".claude.json"
        if text(_read(state).get("primaryApiKey")):
            return Login(LoginState.YES, str(state))
        if text(_read(config / "settings.json").get("apiKeyHelper")):
            return Login(LoginState.UNKNOWN, f"apiKeyHelper in {config / 'settings.json'}")
        if sys.platform == "darwin":
            return Login(LoginState.UNKNOWN, "the macOS keychain")
        return Login(LoginState.NO, "run `claude auth login`, or set ANTHROPIC_API_KEY")


AGENT = ClaudeAgent()


def _common(assignment: Assignment) -> list[str]:
    """The options that it has headless as well as on its screen."""
    words = _permissions(assignment)
    if model := assignment.model or assignment.options.model:
        words += ["--model", model]
    if assignment.session:
        words += ["--resume", assignment.session]
    return words


def _variables(assignment: Assignment) -> dict[str, str]:
    env = dict(_QUIET)
    if assignment.yolo and assignment.tools and os.geteuid() == 0:
        env["IS_SANDBOX"] = "1"  # without it, root may not bypass permissions, whatever the user typed
    return env


def _permissions(assignment: Assignment) -> list[str]:
    """Edits in the worktree and the declared commands; or everything; or nothing at all."""
    if not assignment.tools:
        return ["--tools", ""]
    # It would go on in a worktree of its own, which nobody collects.
    words = ["--disallowedTools", "EnterWorktree"]
    if assignment.yolo:
        return [*words, "--dangerously-skip-permissions"]
    words += ["--permission-mode", "acceptEdits"]
    for command in (*_READS_GIT, *assignment.allowed):
        words += ["--allowedTools", f"Bash({' '.join(command)}:*)"]
    return words


def _read(path: Path) -> dict[str, object]:
    try:
        return as_object(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
