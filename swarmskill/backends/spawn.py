"""Starting one process of the keeper: own session, clean signals, marked, its output into a pipe.

Through posix_spawn, which costs a third of what `subprocess` does. It knows no working directory,
so the keeper itself goes there and back: it has one thread. Imported by the keeper: standard
library only.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from collections.abc import Mapping

from swarmskill.backends.processes import LINUX, MARK_LIMIT, MARK_VARIABLE

_RESET_SIGNALS = [
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGCHLD,
    signal.SIGTTOU,
    signal.SIGTTIN,
    signal.SIGTSTP,
]


class Unstartable(Exception):
    """The program cannot be started; the text says why."""


class Spawner:
    """Starts processes with the limits that this process had before it raised its own."""

    def __init__(self) -> None:
        self._home = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._locks = resource.getrlimit(MARK_LIMIT) if LINUX else (0, 0)
        self._data = resource.getrlimit(resource.RLIMIT_DATA)
        self._raised = _raised(self._files)

    def spawn(
        self,
        argv: list[str],
        cwd: str,
        env: Mapping[str, str],
        stdin: str | None,
        mark: int,
        memory: int | None = None,
    ) -> tuple[int, int]:
        """Start the program; its pid and the end of the pipe from which to read its output.

        It, and each process that it starts, may use `memory` bytes. Raises Unstartable.
        """
        reader, writer = os.pipe()
        source = self._null
        try:
            source = _open_stdin(stdin) if stdin is not None else self._null
            pid = self._spawn_in(cwd, argv, {**env, MARK_VARIABLE: str(mark)}, (source, writer), mark, memory)
        except (OSError, ValueError, MemoryError) as error:
            os.close(reader)
            raise Unstartable(_reason(error, argv, cwd)) from None
        finally:
            os.close(writer)
            if source != self._null:
                os.close(source)
        os.set_blocking(reader, False)
        return pid, reader

    def _spawn_in(
        self,
        cwd: str,
        argv: list[str],
        env: Mapping[str, str],
        files: tuple[int, int],
        mark: int,
        memory: int | None,
    ) -> int:
        source, writer = files
        os.chdir(cwd)
        try:
            program = find_program(argv[0] if argv else "", env.get("PATH", os.defpath))
            self._set_limits(mark, memory)
            pid = os.posix_spawn(
                program,
                argv,
                env,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, source, 0),
                    (os.POSIX_SPAWN_DUP2, writer, 1),
                    (os.POSIX_SPAWN_DUP2, writer, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=_RESET_SIGNALS,
            )
            self._seal(pid, memory)
            return pid
        finally:
            self._set_limits(0, memory)
            os.fchdir(self._home)

    def _set_limits(self, mark: int, memory: int | None = None) -> None:
        """Take on the limits that a child shall inherit, or with mark 0 our own again."""
        if memory:
            # Only the soft one: we could never raise the hard one again. Not RLIMIT_AS: node and its like reserve far
            # more addresses than they use.
            resource.setrlimit(resource.RLIMIT_DATA, (self._most(memory) if mark else self._data[0], self._data[1]))
        resource.setrlimit(resource.RLIMIT_NOFILE, self._files if mark else self._raised)
        if LINUX:
            try:
                resource.setrlimit(MARK_LIMIT, (mark, self._locks[1]) if mark else self._locks)
            except (OSError, ValueError):
                pass  # a hard limit below the mark: the environment has to do

    def _most(self, memory: int) -> int:
        """The limit, or a lower one that we may not go beyond ourselves."""
        hard = self._data[1]
        return memory if hard == resource.RLIM_INFINITY else min(memory, hard)

    def _seal(self, pid: int, memory: int | None) -> None:
        """Make a child's limit one that it cannot raise."""
        if memory and LINUX:
            try:
                resource.prlimit(pid, resource.RLIMIT_DATA, (self._most(memory), self._most(memory)))
            except OSError:
                pass  # it is over already, or runs as another user


def find_program(name: str, path: str) -> str:
    """The file to execute, as a shell in the current folder would find it. Raises OSError."""
    if not name:
        raise OSError(errno.ENOENT, "no program is named")
    candidates = [name] if "/" in name else [os.path.join(folder or ".", name) for folder in path.split(":")]
    found = [candidate for candidate in candidates if os.path.isfile(candidate)]
    for candidate in found:
        if os.access(candidate, os.X_OK):
            return candidate
    if found:
        raise OSError(errno.EACCES, "not executable", found[0])
    raise OSError(errno.ENOENT, "not found", name)


def _raised(files: tuple[int, int]) -> tuple[int, int]:
    """A limit on open files under which thousands of jobs have room: two files each."""
    soft, hard = files
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    raised = (max(soft, wanted), hard) if soft != resource.RLIM_INFINITY else files
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, raised)
    except (OSError, ValueError):
        return files
    return raised


def _open_stdin(path: str) -> int:
    # Without O_NONBLOCK a FIFO would stop the keeper here.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(file).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISCHR(mode):
        os.close(file)
        raise OSError(errno.EINVAL, "standard input is not a regular file", path)
    os.set_blocking(file, True)
    return file


def _reason(error: Exception, argv: list[str], cwd: str) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOEXEC:
        return f"{argv[0]!r} is neither a program nor a script with a #! line"
    if isinstance(error, OSError) and error.errno == errno.E2BIG:
        return f"{argv[0]!r}: the arguments and the environment are longer than the system takes"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename!r}: {(error.strerror or 'cannot be used').lower()} (started in {cwd!r})"
    return f"{argv[0] if argv else ''!r} cannot be started in {cwd!r}: {error}"
