"""Installs the pinned agent programs: `python3 -m tests.real.agents.install [NAME...]`, or `.ci/agents [NAME...]`.

Each goes into a folder of its own, made beside and renamed when it is complete, so a second call finds it
and a broken one leaves nothing that looks installed. One line per program tells its version, seconds and size.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.real.agents.installed import Pin, home, pins

AT_ONCE = 2  # npm unpacks on one core
TIMEOUT = 600.0


def main(names: list[str]) -> int:
    """Install what is missing of `names`, or of all. Returns 1 if one could not be installed."""
    table = pins()
    unknown = sorted(set(names) - set(table))
    if unknown:
        print(f"no such program: {', '.join(unknown)} (there are {', '.join(table)})", file=sys.stderr)
        return 2
    home().mkdir(parents=True, exist_ok=True)
    # Two calls at once must not unpack into the same folder.
    with open(home() / ".lock", "w") as lock, ThreadPoolExecutor(AT_ONCE) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        chosen = [table[name] for name in names or table]
        return 0 if all(list(pool.map(report, chosen))) else 1


def report(pin: Pin) -> bool:
    """Install one program and print its line. Returns whether it is there now."""
    start = time.monotonic()
    if pin.path.exists():
        print(f"{pin.name:9} {pin.version:9} is there", flush=True)
        return True
    wrong = install(pin)
    if wrong:
        print(f"{pin.name:9} {pin.version:9} failed: {wrong}", file=sys.stderr, flush=True)
        return False
    seconds = time.monotonic() - start
    print(f"{pin.name:9} {pin.version:9} installed in {seconds:.1f} s, {size(pin.folder) >> 20} MiB", flush=True)
    return True


def install(pin: Pin) -> str:
    """Install into a folder beside, then move it to its place. Returns what went wrong, or ""."""
    part = pin.folder.with_name(pin.folder.name + ".part")
    for old in (part, pin.folder):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir()
    try:
        done = subprocess.run(
            pin.command(part), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode or not (part / "node_modules" / ".bin" / pin.binary).exists():
        return (done.stderr or done.stdout).strip() or f"{pin.package} brought no command {pin.binary!r}"
    part.rename(pin.folder)
    return ""


def size(folder: Path) -> int:
    """Bytes of the files below `folder`, a hard-linked one counted once."""
    seen = {}
    for parent, _, files in os.walk(folder):
        for name in files:
            status = os.lstat(os.path.join(parent, name))
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
