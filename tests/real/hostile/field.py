"""A repository, a run of `swarm` in it, and the laws that hold after every run, whatever was done to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).parents[3]
_MARK = "FIELD_MARK"
_PATIENCE = 60.0

Doc = dict[str, Any]


def sh(script: str) -> list[str]:
    """A worker that is a shell script; it ends at the first command that fails."""
    return ["sh", "-euc", script]


def task(name: str, script: str, **more: object) -> Doc:
    """A task of one attempt whose worker is a shell script."""
    return {"id": name, "subject": f"Task {name}", "run": sh(script), "max_retries": 0, **more}


@dataclass
class Told:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Doc:
        """Standard output as JSON."""
        found: Doc = json.loads(self.out)
        return found

    @property
    def outcomes(self) -> dict[str, str]:
        """Task id -> outcome."""
        return {row["id"]: row["outcome"] for row in self.document["tasks"]}

    def detail(self, name: str) -> str:
        """What the run says about a task."""
        return str(next(row["detail"] for row in self.document["tasks"] if row["id"] == name))


@dataclass
class Going:
    """A run that is under way."""

    process: subprocess.Popen[str]
    field: Field

    def end(self) -> Told:
        """Wait for its end, and check the laws."""
        out, err = self.process.communicate(timeout=_PATIENCE)
        told = Told(self.process.returncode, out, err)
        self.field.check(told)
        return told


@dataclass
class Field:
    """A checkout at `top` below `tmp`, and `marks`, a folder in which workers and test speak to each other."""

    tmp: Path
    top: Path
    variables: dict[str, str] = field(default_factory=dict)
    lawful: bool = True
    """Whether the run branch is ours alone: a test that breaks it on purpose says so."""

    @property
    def marks(self) -> Path:
        return self.tmp / "marks"

    def environment(self) -> dict[str, str]:
        """The user's: a name and little else; the machine's settings are not seen."""
        passed = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
        return {
            **passed,
            "HOME": str(self.tmp),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MARKS": str(self.marks),
            _MARK: str(self.tmp),
            **self.variables,
        }

    def git(self, *words: str, folder: Path | None = None, check: bool = True, stdin: str | None = None) -> str:
        """Run git as the user does; what it printed."""
        done = subprocess.run(
            ["git", *words],
            cwd=folder or self.top,
            env=self.environment(),
            input=stdin.encode() if stdin is not None else None,
            capture_output=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"git {words}: {done.stderr!r}")
        return os.fsdecode(done.stdout).removesuffix("\n")

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def commit(self, files: Mapping[str, str | bytes] | None = None, message: str = "more") -> str:
        """Write the files and commit everything; returns the commit."""
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def swarm(self, *words: str, stdin: str = "", cwd: Path | None = None) -> Told:
        """Any other verb."""
        done = self._start(words, cwd).communicate(stdin, timeout=_PATIENCE)
        return Told(self._last.returncode, *done)

    def run(self, *tasks: Doc, flags: tuple[str, ...] = (), cwd: Path | None = None, **more: object) -> Told:
        """A whole run, with the laws checked after it. `more` are keys of the task file beside `tasks`."""
        with self.running(*tasks, flags=flags, cwd=cwd, **more) as going:
            return going.end()

    def refused(self, *tasks: Doc, flags: tuple[str, ...] = (), cwd: Path | None = None) -> Told:
        """A run that must not start: it says why and how to go on, in two lines, and leaves nothing behind."""
        before = self.git("for-each-ref", check=False)
        told = self.swarm("run", "-", *flags, stdin=json.dumps(list(tasks)), cwd=cwd)
        assert told.code in (1, 2), told
        assert not told.out, told
        said = [line for line in told.err.splitlines() if not line.startswith("warning: ")]
        assert said[0].startswith("error: ") and said[1].startswith(" hint: "), told.err
        assert self.git("for-each-ref", check=False) == before
        assert self.swarm("status").code == 1  # there is no run
        return told

    @contextmanager
    def running(
        self, *tasks: Doc, flags: tuple[str, ...] = (), cwd: Path | None = None, **more: object
    ) -> Iterator[Going]:
        """A run that goes on while the test does something else; it is ended when the test fails."""
        (self.tmp / "tasks.json").write_text(json.dumps({"tasks": list(tasks), **more}))
        self.marks.mkdir(exist_ok=True)
        process = self._start(("run", str(self.tmp / "tasks.json"), "--json", *flags), cwd)
        try:
            yield Going(process, self)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
                self.swarm("kill", cwd=cwd)

    def await_mark(self, name: str) -> None:
        """Wait until a worker has made this mark."""
        await_true(lambda: (self.marks / name).exists(), f"mark {name}")

    def mark(self, name: str) -> None:
        """Make a mark for which a worker waits."""
        (self.marks / name).touch()

    def check(self, told: Told) -> None:
        """The laws: one commit for each completed task and no other, whole, and nothing left running."""
        await_true(lambda: not self.processes(), "no process is left")
        if not told.out:
            return
        document = told.document
        done = sorted(row["id"] for row in document["tasks"] if row["outcome"] == "completed" and row["attempts"])
        assert None not in told.outcomes.values(), told
        assert list(self.integrated(document)) == done
        self.git("rev-list", "--objects", document["head"])  # fails if an object is missing
        if self.lawful:
            assert self.git("rev-parse", f"refs/heads/{document['branch']}") == document["head"]

    def integrated(self, document: Doc) -> list[str]:
        """Ids of the tasks that have a commit on the run's head, sorted; every commit must be a task's."""
        listed = self.git("log", "--format=%H", f"{document['base']}..{document['head']}").split()
        shown = [self.git("log", "-1", "--format=%(trailers:key=Swarm-Task,valueonly)", commit) for commit in listed]
        return sorted(unquote(line.strip()) for line in shown)

    def tree(self, document: Doc) -> dict[str, str]:
        """Path -> mode and object of the run's head."""
        entries = (line.split("\t", 1) for line in self.git("ls-tree", "-rz", document["head"]).split("\0") if line)
        return {path: entry for entry, path in entries}

    def content(self, document: Doc, path: str) -> str:
        """A file of the run's head."""
        return self.git("cat-file", "blob", f"{document['head']}:{path}")

    def status(self) -> str:
        """What git says of the user's checkout."""
        return self.git("status", "--porcelain")

    def processes(self) -> list[int]:
        """Pids of what descends from our commands: by the environment, or by a folder below ours."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid() and self._is_ours(entry):
                found.append(int(entry.name))
        return found

    def _is_ours(self, entry: Path) -> bool:
        try:
            if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
            mark = f"{_MARK}={self.tmp}".encode()
            return mark in (entry / "environ").read_bytes().split(b"\0") or str(self.tmp) in os.readlink(entry / "cwd")
        except OSError:
            return False

    def _start(self, words: tuple[str, ...], cwd: Path | None) -> subprocess.Popen[str]:
        self._last = subprocess.Popen(
            [sys.executable, "-m", "swarmskill", *words],
            cwd=cwd or self.top,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
        )
        return self._last


def await_true(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Look again and again until the condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"in vain: {what}"
        time.sleep(0.02)
