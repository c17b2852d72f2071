"""Questions about objects, answered by one git process that stays: whether, what and how large they are.

A process for each question costs milliseconds, and every file that a check names is one. The process ends
with us however we end, since it reads from a pipe of ours.
"""

from __future__ import annotations

import subprocess
import threading
import weakref
from collections.abc import Iterable, Sequence

from swarmskill.records import dataclass
from swarmskill.repo.git import Git, GitFailed, encode

_AT_ONCE = 100
"""Questions that are sent before their answers are read: both have to fit into a pipe."""

_WORDS = ("cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)")


@dataclass(frozen=True, slots=True)
class Object:
    """An object of the repository. `size` is in bytes, `kind` is blob, tree, commit or tag."""

    name: str
    kind: str
    size: int


class Objects:
    """Looks objects up. Any number of threads may ask; one is answered at a time."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def find(self, names: Iterable[str]) -> list[Object | None]:
        """What each name (`<commit>:path`, `<commit>^{tree}`, …) stands for, None for nothing. Raises GitFailed."""
        asked = [encode(name) for name in names]
        with self._lock:
            found: list[Object | None] = []
            for start in range(0, len(asked), _AT_ONCE):
                found += self._ask(asked[start : start + _AT_ONCE])
            return found

    def tree_of(self, commit: str) -> str:
        """The name of a commit's tree. Raises GitFailed if there is no such commit."""
        (tree,) = self.find([f"{commit}^{{tree}}"])
        if tree is None:
            raise GitFailed(("cat-file", f"{commit}^{{tree}}"), 128, "there is no such commit")
        return tree.name

    def _ask(self, names: Sequence[bytes]) -> list[Object | None]:
        # A line break would make two questions of one; git could not answer such a name in a line either.
        sent = [name for name in names if b"\n" not in name]
        answers = iter(self._converse(sent)) if sent else iter(())
        return [self._alone(name) if b"\n" in name else _object(next(answers)) for name in names]

    def _converse(self, names: Sequence[bytes]) -> list[bytes]:
        """The answers, a line each. A process that was ended from outside is replaced once."""
        for last in (False, True):
            process = self._process = self._process or self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(b"".join(name + b"\n" for name in names))
                process.stdin.flush()
                answers = [process.stdout.readline() for _ in names]
            except OSError:
                answers = [b""]
            if all(answer.endswith(b"\n") for answer in answers):
                return answers
            self._process = None
            status = _end(process)
            if last:
                raise GitFailed(_WORDS, status, "it ended instead of answering")
        raise AssertionError("unreachable")

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._git.start(*_WORDS, stdin=subprocess.PIPE)
        weakref.finalize(self, _end, process)
        return process

    def _alone(self, name: bytes) -> Object | None:
        """One question in a process of its own."""
        rev = name.decode("utf-8", "surrogateescape")
        found = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", rev, accept=range(256))
        return None if found.status else _object(self._converse([found.stdout.strip()])[0])


def _object(answer: bytes) -> Object | None:
    """Anything but `name kind size` says that there is none, or not just one."""
    name, _, rest = answer.rstrip(b"\n").partition(b" ")
    kind, _, size = rest.partition(b" ")
    if not size.isdigit() or kind not in (b"blob", b"tree", b"commit", b"tag"):
        return None
    return Object(name.decode(), kind.decode(), int(size))


def _end(process: subprocess.Popen[bytes]) -> int:
    """Let the process end, and wait for it."""
    for pipe in (process.stdin, process.stdout):
        try:
            if pipe:
                pipe.close()
        except OSError:
            pass  # what was not sent yet has nobody left to read it
    return process.wait()
