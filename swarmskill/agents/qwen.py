"""Qwen Code, headless: a follower of Claude Code's stream, on Node 22 or newer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from swarmskill.agents.base import NO_OPTIONS, Assignment, Invocation, Login, LoginState, Program
from swarmskill.agents.claude_stream import ClaudeStreamReader, Dialect
from swarmskill.agents.programs import missing_program, program_words
from swarmskill.agents.text import as_object, table, text
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Task, Trouble, Usage

_NODE: Final = 22
_READS_GIT = tuple(("git", verb) for verb in ("status", "diff", "log", "show", "blame", "ls-files", "grep"))

# In a chain of commands each has to be allowed by itself, those too that it runs unasked when they stand alone.
_PLAIN = (
    *((word,) for word in ("cd", "ls", "cat", "echo", "pwd", "mkdir")),
    ("mv", "*.swarm/result.json.tmp", "*.swarm/result.json"),  # how our prompt wants the result file written
)

_DIALECT: Final = Dialect(
    cached_in_input=True,
    exits={
        53: Trouble.TURNS,  # --max-session-turns
        55: Trouble.BUDGET,  # --max-tool-calls, --max-wall-time
    },
)

_KEYS = ("OPENAI_API_KEY", "DASHSCOPE_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")


class QwenAgent:
    """See the module."""

    name = "qwen"
    program = Program(
        command=("qwen",),
        install="npm install -g @qwen-code/qwen-code",
        good=("0.24.4", "0.24.4"),
    )

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """Why it cannot work on the task, with what to do about it; "" if it can."""
        return missing_program(self.program, options) or _missing_node(program_words(self.program, options)[0])

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment. It knows no limit on money."""
        options = assignment.options
        argv = [*program_words(self.program, options), "--output-format", "stream-json", *_permissions(assignment)]
        if model := assignment.model or options.model:
            argv += ["--model", model]
        if assignment.session:
            argv += ["--resume", assignment.session]
        env = {
            "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1",
            "QWEN_USAGE_STATISTICS_ENABLED": "false",
            # Else it starts itself anew as a child, which a signal to the parent alone leaves behind.
            "QWEN_CODE_NO_RELAUNCH": "1",
        }
        return Invocation(argv=(*argv, *options.args), stdin=assignment.prompt_file, env=env)

    def reader(self, earlier: Usage = NOTHING_USED) -> ClaudeStreamReader:
        """A reader for one worker's output."""
        return ClaudeStreamReader(_DIALECT, earlier)

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """Whether it is logged in, told from variables and files alone."""
        for name in _KEYS:
            if environment.get(name):
                return Login(LoginState.YES, name)
        settings = home / ".qwen" / "settings.json"
        if text(table(_read(settings), "security", "auth").get("apiKey")):
            return Login(LoginState.YES, str(settings))
        tokens = home / ".qwen" / "oauth_creds.json"
        if text(_read(tokens).get("access_token")):
            return Login(LoginState.YES, str(tokens))
        return Login(LoginState.NO, "run `qwen` and type /auth, or set OPENAI_API_KEY")


AGENT = QwenAgent()


def _permissions(assignment: Assignment) -> list[str]:
    """Edits in the worktree and the declared commands; or everything; or reading alone."""
    if not assignment.tools:
        return ["--approval-mode", "default"]
    if assignment.yolo:
        return ["--yolo"]
    words = ["--approval-mode", "auto-edit"]
    for command in (*_PLAIN, *_READS_GIT, *assignment.allowed):
        words += ["--allowed-tools", f"run_shell_command({' '.join(command)})"]
    return words


def _missing_node(word: str) -> str:
    """What is wrong with the Node that the program would run on; "" if nothing is, or another one is named in it."""
    program = shutil.which(word)
    try:
        with open(program or "", "rb") as file:
            by_node = file.readline(100).split()[-1:] == [b"node"]
    except OSError:
        return ""
    if not by_node:
        return ""
    node = shutil.which("node")
    version = _node_version(node) if node else ()
    if version is None or version[:1] >= (_NODE,):
        return ""
    found = f"`node` is {'.'.join(map(str, version))}" if version else "there is no `node` on PATH"
    return f"qwen needs Node.js {_NODE} or newer, and {found}: install it with `npm install -g node@{_NODE}`"


@cache
def _node_version(node: str) -> tuple[int, ...] | None:
    """Of this program; None if it does not tell."""
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
        return tuple(int(part) for part in told.strip().removeprefix("v").split("."))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _read(path: Path) -> dict[str, object]:
    try:
        return as_object(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
