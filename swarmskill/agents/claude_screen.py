"""The worker of Claude Code on its own screen: `python -m swarmskill.agents.claude_screen OPTIONS -- COMMAND...`.

It starts the command on a pseudo-terminal that is shown in the worker's window, with the prompt as its argument, and
prints what Claude Code writes down of its conversation, in the form of its headless stream. That the prompt was taken,
and that it has stopped, Claude Code's own hooks tell: nothing is typed, and nothing is read from the screen but for the
words of an error. Exit code 0 when it has done its work, 1 when it could not, 143 when TERM came.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from swarmskill.agents.claude_home import make_home, remove_home
from swarmskill.agents.screen import TERMINAL, Screen
from swarmskill.agents.text import as_object, table, text

PROMPT: Final = ".swarm/prompt.md"
"""In the worktree: what it is told to read."""

GRACE: Final = 5.0
_TURN: Final = 0.2
_HEARTBEAT: Final = 10.0
_HOOKS: Final = ("UserPromptSubmit", "Stop", "StopFailure", "Notification")


def hook_settings(folder: Path) -> dict[str, Any]:
    """Settings by which Claude Code leaves what it tells its hooks as whole files `EVENT.NUMBER` in the folder."""

    def hook(event: str) -> list[dict[str, Any]]:
        part, whole = (shlex.quote(str(folder / name)) for name in (".part", event))
        return [{"hooks": [{"type": "command", "command": f"cat >{part}.$$ && mv {part}.$$ {whole}.$$"}]}]

    return {"hooks": {event: hook(event) for event in _HOOKS}}


class Conversation:
    """What Claude Code writes down of one conversation, as lines of its headless stream."""

    def __init__(self, *, resumed: bool) -> None:
        self.usage: dict[str, Any] = {}
        """By model, the totals of the session, once it has told them."""
        self._resumed = resumed
        self._path: Path | None = None
        self._offset = 0
        self._begun = b""

    def begin(self, told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Claude Code told where it is. What an earlier attempt said in it is passed over."""
        path = Path(text(told.get("transcript_path")))
        if path == self._path:
            return
        self._path, self._offset, self._begun = path, 0, b""
        if self._resumed and path.is_file():
            self._offset = path.stat().st_size
        session, folder = text(told.get("session_id")), text(told.get("cwd"))
        yield {"type": "system", "subtype": "init", "session_id": session, "cwd": folder, "model": ""}

    def read(self) -> Iterator[dict[str, Any]]:
        """What came since the last time."""
        if self._path is None:
            return
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return  # its first line is still to come
        self._offset += len(data)
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            yield from self._told(as_object(line.decode("utf-8", "replace")))

    def _told(self, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        kind = line.get("type")
        if kind == "cost-state":
            self.usage = table(line, "modelUsage")
        elif kind in ("assistant", "user"):
            beside = {"parent_tool_use_id": "sub-agent"} if line.get("isSidechain") else {}
            failed = {"is_api_error_message": True} if line.get("isApiErrorMessage") else {}
            yield {"type": kind, "message": line.get("message"), **beside, **failed}


class Driver:
    """Drives one Claude Code from its prompt to its end."""

    def __init__(self, screen: Screen, events: Path, options: argparse.Namespace) -> None:
        self._screen = screen
        self._events = events
        self._result: Path = options.result
        self._submit_limit: float = options.submit_limit
        self._patience: float = options.patience
        self._conversation = Conversation(resumed=options.resumed)
        self._began = time.monotonic()
        self._submitted = False
        self._stopped_at: float | None = None
        self._said = ""
        self._failure = ""
        self._printed_at = self._began
        self.terminated = False

    def run(self) -> int:
        """Go on until it is over; the exit code."""
        while not self.terminated and self._screen.exit_code is None and not self._failure and not self._is_over():
            self._screen.turn(_TURN)
            for event, told in self._told():
                self._take(event, told)
            self._print(self._conversation.read())
            self._beat()
        ended = self._screen.exit_code
        self._screen.end(GRACE)
        self._print(self._conversation.read())  # its last words, and what all of it has cost
        if self.terminated:
            return 128 + signal.SIGTERM
        return self._tell_end(ended)

    def _is_over(self) -> bool:
        now = time.monotonic()
        if not self._submitted:
            if now - self._began > self._submit_limit:
                self._failure = (
                    f"the prompt was not taken in {self._submit_limit:.0f} s: Claude Code's hook did not come"
                )
            return False
        if self._stopped_at is None:
            return False
        return self._has_result() or now - max(self._stopped_at, self._screen.typed_at) > self._patience

    def _has_result(self) -> bool:
        try:
            return self._result.stat().st_size > 0
        except OSError:
            return False

    def _told(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What hooks have told since the last time, in order."""
        paths = [path for path in self._events.iterdir() if not path.name.startswith(".")]
        for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns):
            told = as_object(path.read_text(encoding="utf-8", errors="replace"))
            path.unlink()
            yield path.name.partition(".")[0], told

    def _take(self, event: str, told: dict[str, Any]) -> None:
        self._print(self._conversation.begin(told))
        match event:
            case "UserPromptSubmit":
                self._submitted, self._stopped_at = True, None
            case "Stop":
                self._stopped_at, self._said = time.monotonic(), text(told.get("last_assistant_message"))
                if not self._has_result():
                    say(f"it has stopped and left no result; type in its window, or it ends in {self._patience:.0f} s")
            case "StopFailure":
                self._failure = (
                    " ".join(filter(None, (text(told.get(key)) for key in ("error", "error_details")))) or event
                )
            case "Notification":
                say(text(told.get("message")))

    def _tell_end(self, ended: int | None) -> int:
        """Print the result that the headless Claude Code would have printed; the exit code."""
        if ended is not None and not self._has_result():
            before = "" if self._submitted else " before it took the prompt"
            self._failure = self._failure or f"Claude Code ended{before} with exit code {ended}"
        told: dict[str, Any] = {"type": "result", "modelUsage": self._conversation.usage}
        if self._failure:
            screen = "" if self._submitted else f"; its screen says: {self._screen.words(300)}"
            told |= {"subtype": "error_during_execution", "is_error": True, "result": self._failure + screen}
        else:
            told |= {"subtype": "success", "is_error": False, "result": self._said}
        self._print(iter([told]))
        return 1 if self._failure else 0

    def _beat(self) -> None:
        """A person who types is no silence: whoever watches for that sees a line."""
        if self._screen.typed_at > self._printed_at + _HEARTBEAT:
            self._printed_at = time.monotonic()
            say("")

    def _print(self, lines: Iterator[dict[str, Any]]) -> None:
        for line in lines:
            self._printed_at = time.monotonic()
            say(json.dumps(line, ensure_ascii=False))


def say(line: str) -> None:
    """A line of the log."""
    print(line, flush=True)


def main() -> int:
    """Do one prompt. Returns the exit code."""
    options = _options()
    worktree, environment = Path.cwd(), dict(os.environ)
    (worktree / PROMPT).parent.mkdir(exist_ok=True)
    (worktree / PROMPT).write_bytes(options.prompt.read_bytes())
    trusted = tuple(dict.fromkeys((Path(environment.get("SWARM_REPO", worktree)), worktree, worktree.resolve())))
    remove_home(options.home)  # of a driver that was killed
    try:
        environment |= make_home(options.home, environment, trusted, yolo=options.yolo)
        events = options.home / "swarm-events"
        events.mkdir()
        return _drive(options, environment, events)
    finally:
        remove_home(options.home)


def _drive(options: argparse.Namespace, environment: dict[str, str], events: Path) -> int:
    shown = environment.pop(TERMINAL, "")
    order = f"Read {Path.cwd() / PROMPT} and do what it says."
    argv = [*options.command, "--settings", json.dumps(hook_settings(events)), "--", order]
    screen = Screen(argv, {**environment, "TERM": "screen-256color", "COLORTERM": "truecolor"}, shown)
    driver = Driver(screen, events, options)

    def terminate(_number: int, _frame: object) -> None:
        driver.terminated = True

    signal.signal(signal.SIGTERM, terminate)
    try:
        return driver.run()
    finally:
        screen.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="claude_screen")
    parser.add_argument("--prompt", type=Path, required=True, help="file with what it is to do")
    parser.add_argument("--result", type=Path, required=True, help="file that it leaves when it is done")
    parser.add_argument("--home", type=Path, required=True, help="private folder for its settings, made and removed")
    parser.add_argument("--resumed", action="store_true", help="the conversation has begun before")
    parser.add_argument("--yolo", action="store_true", help="do not have it ask whether it may do everything")
    submit, patience = "seconds for the prompt to be taken", "seconds to go on after a stop that left no result"
    parser.add_argument("--submit-limit", type=float, default=90.0, help=submit)
    parser.add_argument("--patience", type=float, default=120.0, help=patience)
    parser.add_argument("command", nargs="+", help="after --: the program and its options")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
