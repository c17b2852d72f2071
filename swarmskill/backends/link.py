"""The mayor's end of the connection to a run's keeper: finds it, or starts it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from swarmskill.backends.wire import VERSION, Lines, Message, encode, read_address
from swarmskill.errors import Refused

_START_LIMIT = 30.0
"""Seconds: after a crash a new keeper first ends what the old one left behind."""

_RETRY_WAIT = 0.01
_READ_SIZE = 1 << 18
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class Link:
    """One connection. A thread of its own calls `take` for each message, and `lost` when it breaks."""

    def __init__(
        self, connection: socket.socket, take: Callable[[Link, Message], None], lost: Callable[[Link], None]
    ) -> None:
        self._socket = connection
        self._take = take
        self._lost = lost
        self._sending = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="swarm-keeper-link", daemon=True)
        self._reader.start()

    def send(self, message: Message) -> None:
        """Send one message. Raises OSError if the connection is broken."""
        with self._sending:
            self._socket.sendall(encode(message))

    def close(self) -> None:
        """Say goodbye and wait until the reading thread is done. Not for that thread itself."""
        try:
            self.send({"do": "bye"})
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self._reader.join()

    def _read(self) -> None:
        lines = Lines()
        while True:
            try:
                data = self._socket.recv(_READ_SIZE)
            except OSError:
                data = b""
            if not data:
                break
            for message in lines.feed(data):
                self._take(self, message)
        self._socket.close()
        self._lost(self)


def connect(folder: Path) -> socket.socket:
    """A connection to the folder's keeper, which is started if need be.

    Raises Refused when there can be none.
    """
    give_up = time.monotonic() + _START_LIMIT
    _make_folder(folder)
    while time.monotonic() < give_up:
        connection = _try_connect(folder)
        if connection is None:
            _launch(folder)
            connection = _try_connect(folder)
        if connection is not None:
            return connection
        time.sleep(_RETRY_WAIT)  # another keeper is just beginning or leaving, and it tells nobody
    raise Refused(f"the keeper in {folder} does not answer", hint=f"look at {folder / 'keeper.log'}")


def _try_connect(folder: Path) -> socket.socket | None:
    try:
        address = read_address(str(folder))
    except OSError as error:
        raise Refused(f"{folder / 'address'} cannot be read: {error.strerror}", hint="check its rights") from None
    if not address:
        return None
    if address.get("version") != VERSION:
        raise Refused(
            f"the run's keeper, process {address.get('pid')}, is of another version of swarm",
            hint=f"go on with the version that started the run, or end it and its workers: kill {address.get('pid')}",
        )
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(address["socket"]))
    except OSError:
        connection.close()  # the keeper that wrote this was killed
        return None
    return connection


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{folder} cannot be made: {error.strerror}", hint="check the rights and the disk") from None


def _launch(folder: Path) -> None:
    """Start a keeper and wait until it listens, or finds that there is one already."""
    command = [sys.executable, "-P", *(["-S"] if sys.platform == "linux" else []), "-m", "swarmskill.backends.keeper"]
    # -P and a PYTHONPATH of our own: nothing in the run's or the user's folders is taken for a module.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env["PYTHONPATH"] = str(_PACKAGE_ROOT)
    try:
        with open(folder / "keeper.log", "ab") as log:
            launched = subprocess.Popen(
                [*command, str(folder.absolute())],
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise Refused(f"the keeper cannot be started: {error}", hint=f"check the rights of {folder}") from None
    said, _ = launched.communicate()
    if launched.returncode != 0:
        raise Refused("the keeper ended at its start", hint=f"look at {folder / 'keeper.log'}")
    report = json.loads(said) if said else {}
    if "problem" in report:
        raise Refused(report["problem"], hint=report["hint"])
