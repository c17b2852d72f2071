"""opencode, by `opencode run --format json`.

It asks before it does what its settings do not allow, and where nobody can answer it ends its turn as
if all were well. So what it may do is settled before: by a layer over the user's settings that denies
the rest, which the model is told as an error and can work around. A session belongs to the folder in
which it began: in any other one a resumed session works on in the old folder and prints nothing, so
a session is only to be resumed in the worktree that it came from. `opencode_stream` reads what it prints.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from swarmskill.agents.base import NO_OPTIONS, Assignment, Invocation, Login, LoginState, Program
from swarmskill.agents.opencode_stream import OpencodeReader
from swarmskill.agents.programs import missing_program, program_words
from swarmskill.agents.text import as_object
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Task, Usage

_SETTINGS = "OPENCODE_CONFIG_CONTENT"
"""Settings in a variable, as JSON: the last layer, over those in files."""

_QUIET: Final = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}

_KEYS: Final = (
    "OPENCODE_API_KEY",
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "DEEPSEEK_API_KEY",
    "XAI_API_KEY",
)
"""Where the providers that it knows look for a key."""

_READING: Final = ("git status", "git diff", "git log", "git show", "ls", "pwd")
"""Commands that change nothing."""

_DENIED: Final = {
    # Its own defaults ask about these.
    "external_directory": {"*": "deny"},
    "doom_loop": "deny",
    "read": {"*": "allow", "*.env": "deny", "*.env.*": "deny", "*.env.example": "allow"},
    "question": "deny",
    # What sub-agents spend stands nowhere in the stream.
    "task": "deny",
}

_SILENT: Final = {"*": "deny", "edit": "deny", "bash": "deny", **dict.fromkeys(_DENIED, "deny")}

_PROGRAM = Program(command=("opencode",), install="npm install -g opencode-ai", good=("1.18.33", "1.18.33"))


class OpencodeAgent:
    """See the module."""

    name = "opencode"
    program: Program | None = _PROGRAM

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """Why opencode cannot work on the task, with what to do about it; "" if it can."""
        if (given := os.environ.get(_SETTINGS, "").strip()) and not as_object(given):
            return f"the variable {_SETTINGS} is not a JSON object: correct or unset it"
        return missing_program(_PROGRAM, options)

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment."""
        options = assignment.options
        words = [*program_words(_PROGRAM, options), "run", "--format", "json", "--dir", str(assignment.worktree)]
        # Why it tries again, and again, stands in its log only. Below WARN it names the main checkout,
        # which is what an intruder would do.
        words += ["--print-logs", "--log-level", "WARN"]
        if assignment.session:
            words += ["-s", assignment.session]
        else:
            # A session without a title has the model make one.
            words += ["--title", f"swarm {assignment.run_id} {assignment.task.id}"]
        if model := assignment.model or options.model:
            words += ["-m", model]
        if assignment.yolo and assignment.tools:
            words.append("--auto")
        settings = _merge(as_object(os.environ.get(_SETTINGS, "")), _layer(assignment))
        env = {**_QUIET, _SETTINGS: json.dumps(settings)}
        return Invocation(argv=(*words, *options.args), stdin=assignment.prompt_file, env=env)

    def reader(self, earlier: Usage = NOTHING_USED) -> OpencodeReader:
        """A reader for one worker's output. Its numbers are those of the attempt: `earlier` is not needed."""
        return OpencodeReader()

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """Whether it is logged in, told from its `auth.json`, the providers' variables and its settings."""
        data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "opencode" / "auth.json"
        if _object_in(data):
            return Login(LoginState.YES, str(data))
        for key in _KEYS:
            if environment.get(key):
                return Login(LoginState.YES, key)
        for file in _setting_files(environment, home):
            if file.is_file():
                return Login(LoginState.UNKNOWN, f"the providers in {file}")
        if environment.get(_SETTINGS):
            return Login(LoginState.UNKNOWN, f"the providers in {_SETTINGS}")
        return Login(LoginState.NO, "opencode auth login")


AGENT = OpencodeAgent()


def _layer(assignment: Assignment) -> dict[str, Any]:
    """Our settings. The mayor keeps what an attempt did: no copies of the worktree beside git are needed."""
    layer: dict[str, Any] = {"autoupdate": False, "snapshot": False}
    if not assignment.tools:
        layer["permission"] = _SILENT
    elif not assignment.yolo:
        commands = [*_READING, *(" ".join(words) for words in assignment.allowed)]
        # The last pattern that fits decides, and "git log *" fits "git log" as well.
        bash = {"*": "deny", **{f"{command} *": "allow" for command in commands}}
        layer["permission"] = {"edit": "allow", "bash": bash, **_DENIED}
    return layer


def _merge(given: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any]:
    """The settings with the layer over them.

    Of patterns the last that fits decides: "*" comes first, then the user's own, then the layer's.
    """
    merged = {key: value for key, value in layer.items() if key == "*"}
    merged |= {key: value for key, value in given.items() if key not in layer}
    for key, value in layer.items():
        old = given.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _setting_files(environment: Mapping[str, str], home: Path) -> list[Path]:
    folder = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "opencode"
    named = environment.get("OPENCODE_CONFIG")
    return [*([Path(named)] if named else []), folder / "opencode.json", folder / "opencode.jsonc"]


def _object_in(file: Path) -> dict[str, Any]:
    try:
        return as_object(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
