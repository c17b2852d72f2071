"""Which of the tools that a request offers runs a command or writes a file, and how it is called."""

from __future__ import annotations

import json
import shlex
from pathlib import PurePosixPath
from typing import Any, Final

from tests.scripted_model.conversation import Call, CallKind

_SHELLS: Final = (
    "Bash",
    "exec",
    "exec_command",
    "shell_command",
    "shell",
    "run_shell_command",
    "bash",
    "local_shell",
)
_WRITERS: Final = {"Write": "file_path", "write_file": "file_path", "write": "filePath"}


def shell(offered: tuple[str, ...], command: str) -> Call:
    """The call that runs a command. Without any shell tool it is Claude's."""
    name = next((name for name in _SHELLS if name in offered), "Bash")
    if name == "exec":  # Codex's code mode: JavaScript which calls the real tool
        return Call(
            name,
            f"const r = await tools.exec_command({json.dumps({'cmd': command})}); text(r);",
            CallKind.FREEFORM,
        )
    arguments: dict[str, Any] = {"command": command}
    if name == "exec_command":
        arguments = {"cmd": command}
    elif name == "shell":
        arguments = {"command": ["bash", "-lc", command]}
    elif name in ("Bash", "bash"):
        arguments["description"] = "run"
    elif name == "run_shell_command":
        arguments |= {"description": "run", "is_background": False}
    return Call(name, arguments)


def write(offered: tuple[str, ...], path: str, content: str) -> Call:
    """The call that writes a file, with the shell where no tool is for it. The tools want an absolute path."""
    name = next((name for name in _WRITERS if name in offered), "")
    if name:
        return Call(name, {_WRITERS[name]: path, "content": content})
    folder = str(PurePosixPath(path).parent)
    return shell(offered, f"mkdir -p {shlex.quote(folder)} && printf %s {shlex.quote(content)} > {shlex.quote(path)}")


def read(offered: tuple[str, ...], path: str) -> Call:
    """The call that reads a file, with the shell where no tool is for it."""
    if "Read" in offered:
        return Call("Read", {"file_path": path})
    return shell(offered, f"cat {shlex.quote(path)}")
