"""Workers that an assistant runs with tools of its own: handed out, and back when it says so.

Nothing is started here. A job is handed out by a file that tells since when, and it has ended when
another file tells how. So every command may be the one that learns of it, and any may be killed.
    host/KEY.out.json    when it was handed out, its time limit, to which session of the assistant
    host/KEY.shown.json  when the assistant was told of it
    host/KEY.worker.json its worker's address in the assistant, where that gives it one
    host/KEY.end.json    how it ended
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from swarmskill.backends.base import Job, JobEnd, JobLost, Started
from swarmskill.codec import dump_json, load_json
from swarmskill.model import Ending
from swarmskill.places import RESULT_FILE
from swarmskill.records import dataclass
from swarmskill.writing import replace_file

PROMPT_FILE = ".swarm/prompt.md"
"""In the worktree: the prompt, where the most sandboxed worker can read it."""

_BETWEEN = " / "

LOST = "lost"
"""The ending of a worker whose assistant is gone."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A job that is out, as far as a look at files tells: cheap enough to look again and again.

    `over` is when its time is, in seconds since the epoch.
    """

    result: Path
    end: Path
    over: float | None

    def left_result(self) -> bool:
        """Whether its worker's result is there. An empty file is one that is being written."""
        with suppress(OSError):
            return self.result.stat().st_size > 0
        return False

    def has_come(self) -> bool:
        """Whether there is anything to be waited for no more: a result, an end that was told, or no time left."""
        return self.left_result() or self.end.exists() or (self.over is not None and time.time() > self.over)


class HandedOut:
    """The workers of one run that its assistant runs.

    `folder` is the run's own for this, `assistant` tells this one from another. Workers are `reachable` if
    the assistant can talk to one that has ended; `named` makes a job's name the address, where it is that.
    """

    name = "host"

    def __init__(self, folder: Path, assistant: str, *, named: Callable[[str], str] | None, reachable: bool) -> None:
        self._folder = folder
        self._assistant = assistant
        self._named = named
        self._reachable = reachable
        self._waiting: dict[str, Future[JobEnd]] = {}

    def open(self) -> None:
        """Nothing is to be connected to."""

    def start(self, job: Job) -> Started:
        """Hand a job out: its prompt is put into its worktree. Its only argument is the session to go on with."""
        if self.find(job.name) is None:
            if job.stdin is not None:
                (job.cwd / PROMPT_FILE).parent.mkdir(exist_ok=True)
                shutil.copyfile(job.stdin, job.cwd / PROMPT_FILE)
            session = job.argv[0] if job.argv else ""
            result = str(job.cwd / RESULT_FILE)
            out = {"at": time.time(), "timeout": job.timeout, "session": session, "result": result}
            self._write(f"{job.name}.out", out)
        return Started(0, job.name)

    def find(self, name: str) -> Started | None:
        """The job of that name, if it was handed out."""
        return Started(0, name) if self._read(f"{name}.out") else None

    def end(self, name: str, started: Started) -> Future[JobEnd]:
        """The job's end, if it was told or its time is over; else a future that this command does not resolve.

        Raises JobLost in the future when the assistant is gone.
        """
        future: Future[JobEnd] = Future()
        out, told = self._read(f"{name}.out"), self._read(f"{name}.end")
        if not out:
            future.set_exception(JobLost("nobody knows when it was handed out"))
        elif told.get("ending") == LOST:
            future.set_exception(JobLost("the assistant that ran it is gone"))
        elif told:
            future.set_result(_end(out, Ending(told["ending"]), told["at"]))
        elif out["timeout"] is not None and time.time() > out["at"] + out["timeout"]:
            # A worker that wrote its result was done, though nobody told.
            done = Path(out["result"]).is_file()
            future.set_result(_end(out, Ending.EXITED if done else Ending.TIMED_OUT, time.time()))
        else:
            self._waiting[name] = future
        return future

    def kill(self, name: str, *, force: bool = False) -> None:
        """Take the job back: the assistant is told to stop it, but is not waited for."""
        self.tell_end(name, Ending.KILLED)
        future = self._waiting.pop(name, None)
        if future is not None:
            future.set_result(_end(self._read(f"{name}.out"), Ending.KILLED, time.time()))

    def close(self) -> None:
        """Nothing is held."""

    def is_out(self, name: str) -> bool:
        """Whether the job is still with the assistant, as far as this command knows."""
        return name in self._waiting

    def expect(self, name: str) -> Expected:
        """What tells that the job, which was handed out, has come back."""
        out = self._read(f"{name}.out")
        over = None if out.get("timeout") is None else out["at"] + out["timeout"]
        return Expected(Path(out.get("result", "")), self._folder / f"{name}.end.json", over)

    def tell_worker(self, name: str, worker: str) -> None:
        """Write down by which address the assistant knows a job's worker."""
        self._write(f"{name}.worker", {"worker": worker})

    def tell_end(self, name: str, ending: Ending | str) -> None:
        """Write down how a job ended, unless that is written already."""
        if not self._read(f"{name}.end"):
            self._write(f"{name}.end", {"ending": str(ending), "at": time.time()})

    def has_ended(self, name: str) -> bool:
        """Whether the job's end was told."""
        return bool(self._read(f"{name}.end"))

    def session(self, name: str) -> str:
        """By what the worker of an ended job can be reached again, "" if it cannot: assistant and address."""
        if session := str(self._read(f"{name}.out").get("session", "")):
            return session
        told = self.worker(name) or (self._named(name) if self._named else "")
        return f"{self._assistant}{_BETWEEN}{told}" if told and self._reachable else ""

    def worker(self, name: str) -> str:
        """The address that the assistant told for a job's worker, "" if it did not."""
        return str(self._read(f"{name}.worker").get("worker", ""))

    def was_shown(self, name: str) -> bool:
        """Whether the assistant was told of the job."""
        return bool(self._read(f"{name}.shown"))

    def mark_shown(self, name: str) -> None:
        """The assistant was told of the job."""
        self._write(f"{name}.shown", {"at": time.time()})

    def reaches(self, session: str) -> bool:
        """Whether this assistant can reach the worker of that session."""
        return self._reachable and session.startswith(self._assistant + _BETWEEN)

    def address(self, session: str) -> str:
        """The worker's address in the assistant."""
        return session.rpartition(_BETWEEN)[2]

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        replace_file(self._folder / f"{name}.json", dump_json(dict(document)).encode())

    def _read(self, name: str) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            document = load_json((self._folder / f"{name}.json").read_bytes())
            if isinstance(document, dict):
                return document
        return {}


def _end(out: Mapping[str, Any], ending: Ending, at: float) -> JobEnd:
    return JobEnd(ending=ending, exit_code=0, started_at=out.get("at", at), ended_at=at)
