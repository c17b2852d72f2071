"""What tmux servers and keepers leave in the folder of sockets, where no run knows of it any more."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

from swarmskill.backends.tmux_server import SOCKET_SUFFIX, listens
from swarmskill.backends.wire import Unsafe, remove_socket, socket_folder

_SUFFIXES = (".sock", SOCKET_SUFFIX)
_NEW = 60.0
"""Seconds for which a socket is left alone: its process may not listen yet."""

_COMMAND_LIMIT = 20.0


def remove_dead_sockets() -> int:
    """Remove the sockets on which nobody listens any more; returns how many there were."""
    dead = [path for path in _sockets() if _age(path) > _NEW and not listens(path)]
    for path in dead:
        remove_socket(path)
    return len(dead)


def end_orphans() -> int:
    """End the tmux servers whose repository is gone, if no worker is at work in them; returns how many there were."""
    tmux = shutil.which("tmux")
    found = [path for path in _sockets() if path.endswith(SOCKET_SUFFIX) and tmux and _is_orphan(tmux, path)]
    for path in found:
        _ask(str(tmux), path, "kill-server")
        remove_socket(path)
    return len(found)


def _is_orphan(tmux: str, path: str) -> bool:
    """Whether the file that set the server up is gone with its run, all windows' processes are over, nobody looks."""
    config = _ask(tmux, path, "display-message", "-p", "#{config_files}").strip()
    if not config or os.path.exists(config):
        return False
    looked_at = _ask(tmux, path, "list-clients")
    panes = _ask(tmux, path, "list-panes", "-a", "-F", "#{pane_dead}").split()
    return not looked_at and bool(panes) and all(dead == "1" for dead in panes)


def _ask(tmux: str, path: str, *words: str) -> str:
    ran = subprocess.run(
        [tmux, "-S", path, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=_COMMAND_LIMIT,
    )
    return ran.stdout if ran.returncode == 0 else ""


def _sockets() -> list[str]:
    try:
        folder = socket_folder()
        return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(_SUFFIXES)]
    except (OSError, Unsafe):
        return []


def _age(path: str) -> float:
    try:
        return time.time() - os.lstat(path).st_mtime
    except OSError:
        return 0.0
