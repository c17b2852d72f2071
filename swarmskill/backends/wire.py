"""What the mayor and the keeper say to each other: JSON objects, one a line, over a Unix socket.

The mayor says (`do`):  start {id, job}  watch {name, pid, identity}  kill {name, force}  list {id}  bye
The keeper says (`is`): started {id, name, pid, identity}  cannot_start {id, reason}  jobs {id, jobs}
                        ended {name, pid, identity, ending, exit_code, started_at, ended_at, over_memory}
                        lost {name, pid, identity}

Whoever starts a job watches it. The keeper imports this module: standard library only, and none of
its heavy parts.
"""

from __future__ import annotations

import json
import os
import stat

VERSION = 3
"""Of the protocol. It is part of the address, so that two versions never talk past each other."""

Message = dict[str, object]

_SOCKET_PATH_LIMIT = 100
"""Bytes. The kernels allow 104 (macOS) and 108 (Linux)."""

_SOCKET_NAME_LENGTH = 17
_encoder = json.JSONEncoder(separators=(",", ":"))


def encode(message: Message) -> bytes:
    """One line. Bytes of names and paths that are not UTF-8 survive as escaped surrogates."""
    return _encoder.encode(message).encode("ascii") + b"\n"


class Lines:
    """Puts the pieces that a socket gives together into messages."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[Message]:
        """The messages that became complete. Raises ValueError for what is not a JSON object."""
        if b"\n" not in data:
            self._pieces.append(data)
            return []
        *complete, rest = (b"".join(self._pieces) + data).split(b"\n")
        self._pieces = [rest] if rest else []
        return [_decode(line) for line in complete]


def _decode(line: bytes) -> Message:
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"not an object: {line[:80]!r}")
    return message


class Unsafe(Exception):
    """The folder for sockets is somebody else's, or others can enter it."""


def socket_folder() -> str:
    """The private folder for our sockets; made if need be. Raises Unsafe and OSError.

    Not the run's own folder: its path may be longer than a socket's path can be.
    """
    name = f"swarm-{os.getuid()}"
    room = _SOCKET_PATH_LIMIT - _SOCKET_NAME_LENGTH - len(name) - 2
    base = os.environ.get("TMPDIR", "")
    if not os.path.isabs(base) or len(os.fsencode(base)) > room or not os.path.isdir(base):
        base = "/tmp"
    folder = os.path.join(base, name)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Unsafe(folder)
    return folder


def new_socket_path(suffix: str = ".sock") -> str:
    """A path for a socket that nobody has used; the suffix has five letters. Raises Unsafe and OSError."""
    return os.path.join(socket_folder(), os.urandom(6).hex() + suffix)


def remove_socket(path: str) -> None:
    """Remove a socket, if it is one of our private folder's."""
    try:
        if os.path.dirname(path) == socket_folder():
            os.unlink(path)
    except (OSError, Unsafe):
        pass


def write_address(folder: str, socket: str, pid: int, identity: str) -> None:
    """Tell in the keeper's folder where it listens."""
    temporary = os.path.join(folder, f"address.{pid}")
    with open(temporary, "w", encoding="ascii") as file:
        json.dump({"version": VERSION, "socket": socket, "pid": pid, "identity": identity}, file)
    os.replace(temporary, _address_path(folder))


def read_address(folder: str) -> Message:
    """Where the keeper listens, {} if none does (or one is about to). Raises OSError."""
    try:
        with open(_address_path(folder), encoding="ascii") as file:
            return _decode(file.read(10_000).encode())
    except (FileNotFoundError, ValueError):
        return {}


def remove_address(folder: str) -> None:
    """Nobody listens any more."""
    try:
        os.unlink(_address_path(folder))
    except OSError:
        pass


def _address_path(folder: str) -> str:
    return os.path.join(folder, "address")
