"""One run's tmux server: a socket, settings and windows of its own. The only user of libtmux."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from swarmskill.backends.processes import look
from swarmskill.backends.windows import WindowFiles
from swarmskill.backends.wire import Unsafe, new_socket_path, remove_socket
from swarmskill.errors import Refused
from swarmskill.records import dataclass

if TYPE_CHECKING:
    from libtmux import Server

SESSION = "swarm"
SOCKET_SUFFIX = ".tmux"
"""Of the sockets on which a tmux server listens, in the folder in which keepers have theirs."""
OLDEST = (3, 2)
"""The tmux that libtmux and `remain-on-exit` as we use it need."""

_CONFIG = """\
set -g update-environment ""
set -g default-size 200x50
set -g history-limit 20000
set -g base-index 0
set -g exit-empty on
set -g destroy-unattached off
set -g set-titles off
set -g mouse on
set -g status-left "[#S] "
set -g status-right ""
setw -g remain-on-exit on
setw -gq remain-on-exit-format ""
setw -g automatic-rename off
setw -g allow-rename off
"""
_TRIES = 20
_RETRY_WAIT = 0.02
_COMMAND_LIMIT = 20.0
_NAME_LENGTH = 40
_ENDING_LIMIT = 5.0


@dataclass(frozen=True, slots=True)
class Window:
    """One window: tmux's id of it, the process in it, and whether that is over."""

    id: str
    pid: int
    dead: bool


class TmuxServer:
    """The server of the folder's socket, which is started when a first window is opened. Any thread may use it."""

    def __init__(self, files: WindowFiles) -> None:
        self._files = files

    @property
    def socket(self) -> str:
        """Where the server listens; "" if there was none yet."""
        try:
            with open(self._files.path("socket"), encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def open_window(self, label: str, argv: Sequence[str]) -> int:
        """Run a program in a new window; its pid. For one at a time. Raises Refused."""
        said = ""
        for _ in range(_TRIES):
            if os.path.exists(self.socket):
                words = ["new-window", "-d", "-P", "-F", "#{pane_pid}", "-n", window_name(label), "-t", f"={SESSION}:"]
                ran = self._server().cmd(*words, "--", *argv)
                if ran.stdout:
                    return int(ran.stdout[0])
            started = self._start(label, argv)
            if started.returncode == 0:
                return int(started.stdout)
            said = started.stderr.strip()
            time.sleep(_RETRY_WAIT)  # a server that is just ending, which it tells nobody
        raise Refused(f"tmux opens no window: {said}", hint=f"look at it: tmux -S {self.socket} list-windows")

    def windows(self) -> dict[str, Window]:
        """The windows of jobs, by the job's key; none if there is no server."""
        return {key: window for key, window in self._panes() if key}

    def close_windows(self, chosen: Sequence[str]) -> None:
        """Close the windows of these jobs. With the last one the server ends."""
        found = self.windows()
        for key in chosen:
            if key in found:
                self._server().cmd("kill-window", "-t", found[key].id)

    def end(self) -> None:
        """End the server. Workers go on without their windows."""
        path = self.socket
        if not os.path.exists(path):
            return
        pids = self._server().cmd("display-message", "-p", "#{pid}").stdout
        self._server().cmd("kill-server")
        give_up = time.monotonic() + _ENDING_LIMIT
        while pids and _runs(int(pids[0])) and time.monotonic() < give_up:
            time.sleep(_RETRY_WAIT)
        remove_socket(path)

    @property
    def is_killed(self) -> bool:
        """Whether the server has gone and has left its socket. `tidy` removes that of one that has done its work."""
        return os.path.exists(self.socket) and not listens(self.socket)

    def tidy(self) -> None:
        """Remove the socket of a server that has ended or been killed: tmux leaves it. For one at a time."""
        path, give_up = self.socket, time.monotonic() + _ENDING_LIMIT
        # With its last window closed a server is about to end, and tells nobody when it has.
        while (listening := listens(path)) and not any(self._panes()) and time.monotonic() < give_up:
            time.sleep(_RETRY_WAIT)
        if not listening:
            remove_socket(path)

    def attach_words(self, window: Window | None = None) -> list[str]:
        """The command by which a person sees the window, or all."""
        target = f"={SESSION}:{window.id}" if window else f"={SESSION}"
        return [_tmux(), "-S", self.socket, "attach-session", "-t", target]

    def _panes(self) -> Iterator[tuple[str, Window]]:
        if not os.path.exists(self.socket):
            return
        form = "#{window_id} #{pane_pid} #{pane_dead} #{pane_start_command}"
        for line in self._server().cmd("list-panes", "-a", "-F", form).stdout:
            window, pid, dead, command = line.split(" ", 3)
            yield _key_of(command), Window(window, int(pid), dead == "1")

    def _server(self) -> Server:
        from libtmux import Server

        return Server(socket_path=self.socket)

    def _start(self, label: str, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """A server with this first window. Not through libtmux, which would give it our whole environment to keep."""
        path = self.socket or self._new_socket()
        config = self._files.path("tmux.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_CONFIG)
        words = [_tmux(), "-u", "-S", path, "-f", config, "new-session", "-d", "-P", "-F", "#{pane_pid}"]
        return subprocess.run(
            [*words, "-s", SESSION, "-n", window_name(label), "--", *argv],
            env=clean_environment(),
            cwd=self._files.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_COMMAND_LIMIT,
        )

    def _new_socket(self) -> str:
        try:
            path = new_socket_path(SOCKET_SUFFIX)
        except Unsafe as error:
            raise Refused(
                f"{error} is not a private folder of ours", hint=f"remove {error}, or set TMPDIR to your own"
            ) from None
        with open(self._files.path("socket.new"), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(path)
        os.replace(self._files.path("socket.new"), self._files.path("socket"))
        return path


def listens(path: str) -> bool:
    """Whether a process listens on the socket; also where that cannot be found out, but not if there is no socket."""
    if not path:
        return False
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        try:
            client.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def window_name(label: str) -> str:
    """The label as tmux can show it: it takes `#` and `%` for its own language."""
    plain = "".join(letter if letter.isprintable() and letter not in "#%\\" else "-" for letter in label)
    return plain[:_NAME_LENGTH].strip() or "worker"


def clean_environment() -> dict[str, str]:
    """What a server and the processes in its windows need of our environment."""
    kept = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "COLORTERM")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "TERM": "screen-256color",
        "SHELL": "/bin/sh",
    }


def check_tmux() -> str:
    """The version of a tmux that is new enough. Raises Refused."""
    try:
        ran = subprocess.run([_tmux(), "-V"], capture_output=True, text=True, check=False, timeout=_COMMAND_LIMIT)
    except OSError as error:
        raise Refused(f"tmux cannot be run: {error}", hint="mend it, or work in one terminal: --mode local") from None
    version = ran.stdout.removeprefix("tmux").strip()
    digits = [int("".join(filter(str.isdigit, part)) or 0) for part in version.removeprefix("next-").split(".")[:2]]
    if version != "master" and tuple(digits) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise Refused(
            f"tmux {version or 'of an unknown version'} is too old: it must be {wanted} or newer",
            hint="update tmux, or work in one terminal: --mode local",
        )
    return version


def _tmux() -> str:
    found = shutil.which("tmux")
    if found is None:
        raise Refused(
            "tmux is not on PATH", hint="install tmux (apt install tmux, brew install tmux), or use --mode local"
        )
    return found


def _key_of(command: str) -> str:
    """The key of the job that a pane was started with; "" for another pane."""
    last = command.rstrip("\"' ").rpartition("/")[2]
    return last.removesuffix(".job") if last.endswith(".job") else ""


def _runs(pid: int) -> bool:
    process = look(pid)
    return process is not None and not process.dead
