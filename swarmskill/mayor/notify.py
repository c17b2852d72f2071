"""Tells a command or a web address what happens in a run, from a thread of its own.

What is to be told follows from the ledger alone, and a file in the run's folder says up to which event it was told. So
a mayor that takes a run up tells what one before it did not, and may tell the last thing twice: each has an id.
Neither how long the other side takes nor how it fails matters to the run.
"""

from __future__ import annotations

import os
import queue
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from swarmskill.backends.masking import mask
from swarmskill.codec import dump_json, event_document, load_json
from swarmskill.config import Notable, Notify
from swarmskill.core.events import Event
from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import step
from swarmskill.ledger import read_ledger
from swarmskill.mayor.context import RunContext
from swarmskill.places import RunFolder
from swarmskill.views.notices import Notice, notices
from swarmskill.writing import replace_file

_PATIENCE = 10.0
"""Seconds that a command or an address may take."""

_LAST_PATIENCE = 15.0
"""Seconds that a mayor which ends waits until all is told."""

_PAUSES = (0.5, 2.0)
"""Seconds before an address that cannot be reached is tried again."""

_REFUSED = 400
_SERVER = 500
_TOO_MANY = 429


def remember(folder: RunFolder, notify: Notify) -> None:
    """Write down whom a run tells: for its mayors, and not into the ledger, as an address may be a secret."""
    path = _settings(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(dump_json(asdict(notify)), encoding="utf-8")


class Notifier:
    """Tells what happens in one run; nothing where nobody is to be told."""

    def __init__(self, run: RunContext, say: Callable[[str], object]) -> None:
        self._run = run
        self._say = say
        self._notify = _recall(run.folder)
        self._state = EMPTY
        self._number = 0
        self._queue: queue.SimpleQueue[tuple[int, list[bytes]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        if self._notify is not None:
            self._catch_up()

    def heard(self, event: Event, state: State) -> None:
        """An event is in the ledger and led to `state`."""
        if self._notify is None:
            return
        self._number += 1
        before, self._state = self._state, state
        found = [notice for notice in notices(before, event, state) if notice.kind in self._notify.on]
        if found:
            self._put(self._number, [self._payload(notice, event) for notice in found])

    def close(self) -> None:
        """Tell what is left, for a while."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_LAST_PATIENCE)

    def _catch_up(self) -> None:
        """Tell what was recorded by mayors before and not told."""
        told = _told(self._run.folder)
        for event in read_ledger(self._run.folder.ledger).events:
            if self._number >= told:
                self.heard(event, step(self._state, event)[0])
            else:
                self._number += 1
                self._state = step(self._state, event)[0]

    def _payload(self, notice: Notice, event: Event) -> bytes:
        document: dict[str, Any] = {
            "id": f"{self._run.folder.run_id}/{self._number}/{notice.kind}",
            "type": notice.kind,
            "run_id": self._run.folder.run_id,
            "at": event.at,
            "task": notice.task or None,
            "text": notice.text,
            "repository": str(self._run.repository.top),
            "event": event_document(event),
        }
        return mask(dump_json(document, indent=False), self._run.secrets).encode()

    def _put(self, number: int, payloads: list[bytes]) -> None:
        self._queue.put((number, payloads))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        notify = self._notify
        assert notify is not None
        while (item := self._queue.get()) is not None:
            number, payloads = item
            for payload in payloads:
                if notify.command:
                    self._tell("the command of notify", lambda p=payload: _run(notify.command, p, self._run))  # type: ignore[misc]
                if notify.url:
                    self._tell("the address of notify", lambda p=payload: _post(notify.url, p, self._run.environment))  # type: ignore[misc]
            with suppress(OSError):
                replace_file(_told_file(self._run.folder), str(number).encode())

    def _tell(self, who: str, deliver: Callable[[], str]) -> None:
        try:
            problem = deliver()
        except Exception as error:  # whatever it is, the run goes on
            problem = str(error) or type(error).__name__
        if problem:
            self._say(mask(f"warning: {who} was not told: {problem}", self._run.secrets))


def _run(command: str, payload: bytes, run: RunContext) -> str:
    """Run the command with the document on its standard input; what went wrong, or ""."""
    process = subprocess.Popen(
        shlex.split(command),
        cwd=run.repository.top,
        env={name: value for name, value in run.environment.items() if not name.startswith("GIT_")},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.communicate(payload, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return f"it took longer than {_PATIENCE:.0f} s"
    finally:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind, too
        process.wait()
    return f"it ended with exit code {process.returncode}" if process.returncode else ""


def _post(url: str, payload: bytes, environment: Mapping[str, str]) -> str:
    """Send the document to the address; what went wrong, or "". The address itself is not named: it may be secret."""
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    address = Template(url).safe_substitute(environment)
    host = urlsplit(address).hostname or "?"
    problem = ""
    for pause in (*_PAUSES, None):
        request = Request(address, payload, {"Content-Type": "application/json", "User-Agent": "swarm"})  # noqa: S310
        try:
            with urlopen(request, timeout=_PATIENCE):  # noqa: S310 - the settings allow http and https alone
                return ""
        except HTTPError as error:
            problem = f"{host} answers {error.code}"
            error.close()
            if _REFUSED <= error.code < _SERVER and error.code != _TOO_MANY:
                return problem
        except (URLError, OSError) as error:
            problem = f"{host} cannot be reached: {getattr(error, 'reason', error)}"
        if pause is not None:
            time.sleep(pause)
    return problem


def _recall(folder: RunFolder) -> Notify | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        document = load_json(_settings(folder).read_bytes())
        kinds = tuple(Notable(kind) for kind in document["on"])
        return Notify(command=str(document["command"]), url=str(document["url"]), on=kinds)
    return None


def _told(folder: RunFolder) -> int:
    """The number of the last event that was told in full."""
    with suppress(OSError, ValueError):
        return int(_told_file(folder).read_text(encoding="ascii"))
    return 0


def _settings(folder: RunFolder) -> Path:
    return folder.path / "notify.json"


def _told_file(folder: RunFolder) -> Path:
    return folder.path / "notified"
