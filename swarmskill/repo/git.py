"""Running git: one clean environment, bytes in and out, one exception.

A `GIT_DIR` or `GIT_INDEX_FILE` of whoever called us (a hook, an alias) would send our commands elsewhere,
and libraries around git only add to the environment. Therefore the processes are started here. A process costs
over a millisecond before it does anything: callers count them.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from swarmskill.errors import Refused
from swarmskill.records import dataclass

_KEPT = frozenset(
    {
        "GIT_ALLOW_PROTOCOL",
        "GIT_ASKPASS",
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_SYSTEM",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "GIT_EXEC_PATH",
        "GIT_PROXY_COMMAND",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
    }
)
_KEPT_PREFIXES = (
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
    "GIT_SSL_",
    "GIT_HTTP_",
)

_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",  # a look at the user's checkout must not take its index lock
    "GIT_LITERAL_PATHSPECS": "1",  # a file called `:(top)*` is a file
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}

_CONFIG = (
    "core.hooksPath=/dev/null",  # hooks are the user's; only landing runs one, by name
    "core.fsmonitor=false",  # neither a daemon per worktree nor a stale answer
    "core.untrackedCache=false",
    "core.splitIndex=false",  # an index that is copied must be whole
    "core.safecrlf=false",
    # What the ledger calls done must outlive a power cut, and git's default leaves loose objects unsynced.
    "core.fsync=objects,reference",
    "core.fsyncMethod=batch",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "i18n.commitEncoding=UTF-8",
    "advice.addEmbeddedRepo=false",
)
OUR_KEYS = frozenset(setting.partition("=")[0].lower() for setting in _CONFIG)
"""Settings that every command here gets, whatever the user's are."""

_OPTIONS = tuple(word for setting in _CONFIG for word in ("-c", setting))

_CREDENTIALS = re.compile(r"(://)[^/@\s]+@")
_NO_ROOM = re.compile(r"No space left on device|Out of diskspace|Disk quota exceeded|Read-only file system|write error")
_TAIL = 2000


class GitFailed(Refused):
    """A git command failed. `command` has no secrets, `stderr` is the tail of what git said."""

    code = "git_failed"

    def __init__(self, command: Sequence[str], status: int, stderr: str, *, hint: str = "") -> None:
        self.command = tuple(mask(word) for word in command)
        self.status = status
        self.stderr = mask(stderr.strip())[-_TAIL:]
        shown = " ".join(self.command)
        shown = shown if len(shown) <= 200 else f"{shown[:200]} …"
        super().__init__(
            f"`git {shown}` failed ({status}): {self.stderr or 'it said nothing'}",
            hint=hint,
        )

    @property
    def no_room(self) -> bool:
        """Whether the system is to blame, whatever git was to do: a full disk, or one that may not be written."""
        return _NO_ROOM.search(self.stderr) is not None


@dataclass(frozen=True, slots=True)
class Output:
    """What a git command gave back."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as text without the last newline; bytes that are not UTF-8 are kept as surrogates."""
        return decode(self.stdout).removesuffix("\n")

    @property
    def fields(self) -> list[str]:
        """Standard output of a `-z` command, taken apart."""
        return [decode(field) for field in self.stdout.split(b"\0")[:-1]]


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git in one folder. Holds no state, so any number of threads may use it.

    `leash` is a file that every git inherits open: a lock on it is held until the last of them ended.
    """

    folder: Path
    leash: int | None = None

    def run(
        self,
        *words: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        config: Sequence[str] = (),
        accept: Collection[int] = (0,),
        timeout: float | None = None,
    ) -> Output:
        """Run one command and wait for it.

        `env` comes on top of the clean environment, `config` ("key=value") on top of ours. Raises GitFailed
        when the exit status is not in `accept`, when git cannot be started, or after `timeout` seconds.
        """
        with _explained(words):
            done = subprocess.run(
                _argv(words, config),
                input=stdin or None,
                stdin=None if stdin else subprocess.DEVNULL,
                capture_output=True,
                env=environment(env),
                cwd=folder or self.folder,
                start_new_session=True,  # no terminal to prompt on, and no Ctrl-C in the middle of a ref update
                pass_fds=() if self.leash is None else (self.leash,),
                timeout=timeout,
                check=False,
            )
        stderr = done.stderr.decode("utf-8", "replace")
        if done.returncode not in accept:
            raise GitFailed(words, done.returncode, stderr)
        return Output(done.returncode, done.stdout, stderr)

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a command whose standard output the caller reads, and whose end it waits for. Raises GitFailed."""
        with _explained(words):
            return subprocess.Popen(
                _argv(words, ()),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(None),
                cwd=self.folder,
                start_new_session=True,
                pass_fds=() if self.leash is None else (self.leash,),
            )

    @contextmanager
    def stream(self, *words: str) -> Iterator[BufferedReader]:
        """Run one command and read its standard output as it comes. Raises GitFailed at the end if it failed.

        Leaving early ends the command.
        """
        process = self.start(*words)
        assert isinstance(process.stdout, BufferedReader)
        finished = False
        try:
            yield process.stdout
            finished = not process.stdout.read(1)
        finally:
            process.stdout.close()
            if not finished:
                process.kill()
            status = process.wait()
        if finished and status:
            raise GitFailed(words, status, "")


def environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Our environment without the variables that point git at a repository, an index or an editor."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    return {**kept, **_FIXED, **(more or {})}


def decode(data: bytes) -> str:
    """Bytes of git as text; `os.fsencode` and `encode` give the same bytes back."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that `decode` made the text from."""
    return text.encode("utf-8", "surrogateescape")


def mask(text: str) -> str:
    """The text with user and password taken out of URLs."""
    return _CREDENTIALS.sub(r"\1***@", text)


def _argv(words: Sequence[str], config: Sequence[str]) -> list[str]:
    more = [word for setting in config for word in ("-c", setting)]
    return ["git", *_OPTIONS, *more, *words]


@contextmanager
def _explained(words: Sequence[str]) -> Iterator[None]:
    """Turns failures to start or to end into GitFailed."""
    try:
        yield
    except FileNotFoundError as error:
        hint = "install git 2.38 or newer" if error.filename == "git" else ""
        raise GitFailed(words, 127, f"{error.strerror}: {error.filename}", hint=hint) from error
    except OSError as error:
        raise GitFailed(words, 126, str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise GitFailed(words, 124, f"it did not end within {error.timeout:g} s") from error
