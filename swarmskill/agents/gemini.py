"""Gemini CLI: headless with a JSON stream, the prompt on standard input.

What it may do is decided by its policy engine: `auto_edit` allows edits inside the worktree, `gemini_policy.toml`
git's reading commands, and each allowed command is one `--allowed-tools`. Its service's HTTP status is its exit
code modulo 256. It protects build files (`package.json`, `pyproject.toml`, ...) from its own edit tools in every
headless run, whatever the policy says: such a denial is reported like any other.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from swarmskill.agents.base import (
    NO_OPTIONS,
    AgentEvent,
    Assignment,
    Began,
    Failed,
    Finished,
    Invocation,
    Login,
    LoginState,
    Program,
    Retrying,
    Said,
    Spent,
    UsedTool,
    Waits,
    WasDenied,
)
from swarmskill.agents.programs import missing_program, program_words
from swarmskill.agents.text import as_object, count, one_line, table, text, tool_action
from swarmskill.agents.troubles import DETAIL_LENGTH, problem_of
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Problem, Task, Trouble, Usage

_HERE: Final = Path(__file__).parent
READING_POLICY: Final = _HERE / "gemini_policy.toml"
SPEAKING_POLICY: Final = _HERE / "gemini_no_tools.toml"

_SESSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}")
_ATTEMPT: Final = re.compile(r"Attempt \d+ failed.*Retrying (?:with backoff|after (\d+) ?ms)")
_EXITS: Final = {
    41: Problem(Trouble.AUTH, "no login"),
    42: Problem(Trouble.CRASHED, "its input or an option was refused"),
    44: Problem(Trouble.CRASHED, "its sandbox failed"),
    52: Problem(Trouble.CRASHED, "its settings are wrong"),
    53: Problem(Trouble.TURNS, "turn limit"),
    54: Problem(Trouble.CRASHED, "a tool failed"),
    55: Problem(Trouble.DENIED, "the folder is not trusted"),
}
"""Its own exit codes, for the ends that no line tells of."""
_STOPPED: Final = (130, 137, 143)
_STATUSES: Final = {status % 256: status for status in (400, 401, 403, 404, 408, 429, 500, 502, 503, 504, 529)}
_GATES: Final = frozenset({"write_file", "replace", "run_shell_command", "web_fetch", "activate_skill"})
"""Tools that do not exist at all where no rule allows them: a call is then answered by "not found"."""
_NOISE: Final = re.compile(r"Warning:|Ripgrep is not available|YOLO mode|\[STARTUP\]|Loaded cached|\s+at ")


class GeminiAgent:
    """See the module."""

    name = "gemini"
    program = Program(command=("gemini",), install="npm install -g @google/gemini-cli@0.61.0", good=("0.58", "0.61"))

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """Why this agent cannot work on the task, with what to do about it; "" if it can."""
        return missing_program(self.program, options)

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment."""
        options = assignment.options
        model = assignment.model or options.model
        argv = (
            *program_words(self.program, options),
            "--output-format=stream-json",
            *((f"--model={model}",) if model else ()),
            *_session_words(assignment.session),
            *_permission_words(assignment),
            *options.args,
        )
        # Without NO_RELAUNCH it starts itself a second time, and the first one swallows TERM.
        env = {"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_CLI_NO_RELAUNCH": "true"}
        return Invocation(argv=argv, stdin=assignment.prompt_file, env=env)

    def reader(self, earlier: Usage = NOTHING_USED) -> GeminiReader:
        """A reader for one worker's output. Its numbers are of one process, so `earlier` does not matter."""
        return GeminiReader()

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """Whether it is logged in, told from variables and files alone. Raises nothing."""
        for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
            if environment.get(name):
                return Login(LoginState.YES, name)
        for name in ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GEMINI_CLI_USE_COMPUTE_ADC"):
            if environment.get(name) == "true":
                return Login(LoginState.UNKNOWN, f"{name}: Google's own credentials")
        folder = _folder(environment, home)
        if (folder / "oauth_creds.json").is_file():
            return Login(LoginState.YES, str(folder / "oauth_creds.json"))
        for found in (folder / ".env", folder / "settings.json"):
            if "GEMINI_API_KEY" in _read(found) or "selectedType" in _read(found):
                return Login(LoginState.UNKNOWN, str(found))
        return Login(LoginState.NO, "set GEMINI_API_KEY, or run `gemini` and choose how to log in")


class GeminiReader:
    """Reads its JSON lines, and of its standard error what it tries again."""

    def __init__(self) -> None:
        self._model = ""
        self._parts: list[str] = []
        self._said = ""
        self._actions: dict[str, str] = {}
        self._failed = False
        self._ended = False
        self._words: deque[str] = deque(maxlen=3)

    def read(self, line: str) -> Iterable[AgentEvent]:
        """What one line tells."""
        event = as_object(line)
        if not event:
            return self._plain(line)
        kind = text(event.get("type"))
        if kind == "message":
            if event.get("role") == "assistant":
                self._parts.append(text(event.get("content")))
            return ()
        return [*self._said_so_far(), *self._event(kind, event)]

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        """What the exit code tells where no result line came."""
        yield from self._said_so_far()
        if self._ended:
            return
        words = one_line(" ".join(self._words), DETAIL_LENGTH)
        own = _EXITS.get(exit_code)
        if own:
            yield Failed(Problem(own.kind, words or own.detail))
        elif exit_code in _STATUSES:
            status = _STATUSES[exit_code]
            yield Failed(problem_of(words or f"HTTP status {status}", status=status))
        elif exit_code or not self._failed:
            problem = problem_of(words or f"it ended without a result (exit code {exit_code})")
            # Stopped by a signal: whoever sent it knows why, and what was being retried may tell more.
            if exit_code not in _STOPPED or problem.kind is not Trouble.CRASHED:
                yield Failed(problem)

    def _event(self, kind: str, event: dict[str, Any]) -> Iterator[AgentEvent]:
        match kind:
            case "init":
                self._model = text(event.get("model"))
                yield Began(text(event.get("session_id")), self._model)
                yield Waits()
            case "tool_use":
                action = tool_action(text(event.get("tool_name")) or "a tool", table(event, "parameters"))
                self._actions[text(event.get("tool_id"))] = action
                yield UsedTool(action)
            case "tool_result":
                yield from self._tool_result(event)
            case "error":
                yield from self._error(text(event.get("message")), text(event.get("severity")))
            case "result":
                yield from self._result(event)

    def _tool_result(self, event: dict[str, Any]) -> Iterator[AgentEvent]:
        error = table(event, "error")
        action = self._actions.get(text(event.get("tool_id")), "a tool")
        tool = action.partition(" ")[0].replace("$", "run_shell_command")
        reason, words = text(error.get("type")), text(error.get("message"))
        if (
            reason == "policy_violation"
            or (reason == "tool_not_registered" and tool in _GATES)
            or words.startswith("Path not in workspace")
        ):
            yield WasDenied(action)
        yield Waits()

    def _error(self, words: str, severity: str) -> Iterator[AgentEvent]:
        stopped = words.startswith("Loop detected")
        if severity != "error" and not stopped:
            return
        self._failed = True
        if "session turns" in words:
            yield Failed(Problem(Trouble.TURNS, one_line(words, DETAIL_LENGTH)))
        elif "blocked" in words.lower() and not stopped:
            yield Failed(Problem(Trouble.REFUSED, one_line(words, DETAIL_LENGTH)))
        else:
            yield Failed(problem_of(words))

    def _result(self, event: dict[str, Any]) -> Iterator[AgentEvent]:
        self._ended = True
        yield from self._spent(table(event, "stats"))
        if event.get("status") == "success":
            if not self._failed:  # an error event is followed by a result that claims success all the same
                yield Finished(self._said)
            return
        error = table(event, "error")
        if self._failed and not error.get("message"):
            return  # the error line before told why
        words = text(error.get("message")) or "it failed and does not say why"
        if error.get("type") == "FatalTurnLimitedError":
            yield Failed(Problem(Trouble.TURNS, one_line(words, DETAIL_LENGTH)))
        else:
            yield Failed(problem_of(words))

    def _spent(self, stats: dict[str, Any]) -> Iterator[AgentEvent]:
        prompt, cached = count(stats.get("input_tokens")), count(stats.get("cached"))
        # Its output tokens leave out the thinking, which is in the total alone.
        output = max(count(stats.get("output_tokens")), count(stats.get("total_tokens")) - prompt)
        if not prompt + output:
            return
        models = {name: count(table(row).get("total_tokens")) for name, row in table(stats, "models").items()}
        most = max(models, key=lambda name: models[name], default=self._model)
        yield Spent(Usage(max(0, prompt - cached), cached, output), most)

    def _said_so_far(self) -> Iterator[AgentEvent]:
        words, self._parts = "".join(self._parts), []
        if words.strip():
            self._said = words
            yield Said(words)

    def _plain(self, line: str) -> Iterable[AgentEvent]:
        found = _ATTEMPT.search(line)
        if found:
            wait = float(found[1]) / 1000 if found[1] else None
            return [Retrying(problem_of(line, retry_after=wait))]
        words = one_line(line, DETAIL_LENGTH)
        if words and not _NOISE.match(words) and not line.startswith((" ", "}")):
            self._words.append(words)
        return ()


AGENT = GeminiAgent()


def _permission_words(assignment: Assignment) -> Iterator[str]:
    if not assignment.tools:
        yield "--approval-mode=default"
        yield from _policy_words(SPEAKING_POLICY)
    elif assignment.yolo:
        yield "--approval-mode=yolo"
    else:
        yield "--approval-mode=auto_edit"
        yield from _policy_words(READING_POLICY)
        for command in assignment.allowed:
            words = " ".join(command)
            if words and "," not in words:  # a comma would end the pattern and begin another
                yield f"--allowed-tools=run_shell_command({words})"


def _policy_words(ours: Path) -> Iterator[str]:
    # The option takes the place of the user's own folder of policies, so that one is named too.
    theirs = _folder(os.environ, Path.home()) / "policies"
    if theirs.is_dir():
        yield f"--policy={theirs}"
    yield f"--policy={ours}"


def _session_words(session: str) -> Iterator[str]:
    if not session:
        return
    # It knows the sessions of one folder only; the file of a session is welcome in every folder.
    if _SESSION.fullmatch(session):
        chats = (_folder(os.environ, Path.home()) / "tmp").glob(f"*/chats/session-*-{session[:8]}.json*")
        newest = max(chats, key=lambda path: path.name, default=None)
        if newest:
            yield f"--session-file={newest}"
            return
    yield f"--resume={session}"


def _folder(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment.get("GEMINI_CLI_HOME") or home) / ".gemini"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
