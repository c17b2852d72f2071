"""Codex, by `codex exec --json`.

Its sandbox lets it write below the worktree and in the temporary folders, and run any command there,
but not reach the network or write `.git`: there is nothing to ask, and so nothing to do with
`Assignment.allowed`. It has no caps on money or turns. `codex_stream` reads what it prints.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmskill.agents.base import NO_OPTIONS, Assignment, Invocation, Login, LoginState, Program
from swarmskill.agents.codex_stream import CodexReader
from swarmskill.agents.programs import missing_program, program_words
from swarmskill.agents.text import as_object, table, text
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Task, Usage

_SETTINGS = (
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
    # A login shell sets PATH anew, and with it the virtualenv and the npm programs are gone.
    "allow_login_shell=false",
)

_OPENAI = "openai"
"""The provider that needs no settings, but a login."""

_LOG = "codex_exec=info"
"""The one line of its log that tells the model: its events do not, and without it nobody knows the price."""

_PROGRAM = Program(command=("codex",), install="npm install -g @openai/codex", good=("0.169.0", "0.169.0"))


class CodexAgent:
    """See the module."""

    name = "codex"
    program: Program | None = _PROGRAM

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """Why Codex cannot work on the task, with what to do about it; "" if it can."""
        return missing_program(_PROGRAM, options)

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment. The prompt is a file: on an open pipe Codex waits for ever."""
        options = assignment.options
        words = [*program_words(_PROGRAM, options), "exec", "--json", "-C", str(assignment.worktree)]
        words += _permissions(assignment)
        for setting in _SETTINGS:
            words += ["-c", setting]
        if model := assignment.model or options.model:
            words += ["-m", model]
        words += options.args
        if assignment.session:
            words += ["resume", assignment.session]
        return Invocation(argv=(*words, "-"), stdin=assignment.prompt_file, env={"RUST_LOG": _log_filter()})

    def reader(self, earlier: Usage = NOTHING_USED) -> CodexReader:
        """A reader for one worker's output. `earlier` is what its session had used before this attempt."""
        return CodexReader(earlier)

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """Whether it is logged in, told from variables, its settings and its `auth.json`."""
        folder = Path(environment.get("CODEX_HOME") or home / ".codex")
        if environment.get("CODEX_API_KEY"):
            return Login(LoginState.YES, "CODEX_API_KEY")
        settings = _settings(folder)
        provider = text(settings.get("model_provider")) or _OPENAI
        if provider != _OPENAI:
            return _own_provider(provider, settings, environment)
        if _has_credentials(folder / "auth.json"):
            return Login(LoginState.YES, str(folder / "auth.json"))
        if settings.get("cli_auth_credentials_store") in ("keyring", "auto"):
            return Login(LoginState.UNKNOWN, "the system's keyring")
        return Login(LoginState.NO, "codex login")


AGENT = CodexAgent()


def _permissions(assignment: Assignment) -> tuple[str, ...]:
    if not assignment.tools:
        return ("-s", "read-only")
    if assignment.yolo:
        return ("--dangerously-bypass-approvals-and-sandbox",)
    return ("-s", "workspace-write")


def _log_filter() -> str:
    """The user's own filter, or what is logged without one, and our line."""
    return f"{os.environ.get('RUST_LOG') or 'error'},{_LOG}"


def _settings(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _own_provider(name: str, settings: dict[str, Any], environment: Mapping[str, str]) -> Login:
    variable = text(table(settings, "model_providers", name).get("env_key"))
    if not variable:
        return Login(LoginState.UNKNOWN, f"the provider {name!r} in config.toml")
    if environment.get(variable):
        return Login(LoginState.YES, variable)
    return Login(LoginState.NO, f"export {variable}=…")


def _has_credentials(file: Path) -> bool:
    try:
        document = as_object(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(document.get("OPENAI_API_KEY") or document.get("tokens"))
