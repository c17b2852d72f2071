"""What commits changed, as text to be read: many in one process, and never more of one than is wanted."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence

from swarmskill.records import dataclass
from swarmskill.repo.git import Git

_WORDS = (
    "-c",
    "core.bigFileThreshold=1m",  # a larger file is called binary rather than compared
    "-c",
    "core.quotePath=false",
    "diff-tree",
    "--stdin",
    "-r",
    "-p",
    "--no-renames",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
)
_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n")


@dataclass(frozen=True, slots=True)
class Patch:
    """What one commit changed against its parent. `left_out` lines came after `text`."""

    commit: str
    text: str
    left_out: int


def read_patches(git: Git, commits: Sequence[str], most: int) -> Iterator[Patch]:
    """The patches of these commits, at most `most` lines of each; a commit that is gone is passed over."""
    if not commits:
        return
    process = git.start(*_WORDS, stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    commit, lines, count = "", list[bytes](), 0
    try:
        # A pipe holds these: git answers one before it reads the next, and 1 000 names are 40 KiB.
        process.stdin.write("".join(f"{name}\n" for name in commits).encode())
        process.stdin.close()
        wanted = set(commits)
        for line in process.stdout:
            if _COMMIT.fullmatch(line) and line.decode().rstrip() in wanted:
                if commit:
                    yield _patch(commit, lines, count)
                commit, lines, count = line.decode().rstrip(), [], 0
                continue
            count += 1
            if count <= most:
                lines.append(line)
        if commit:
            yield _patch(commit, lines, count)
    finally:
        process.stdout.close()
        process.wait()


def _patch(commit: str, lines: Sequence[bytes], count: int) -> Patch:
    return Patch(commit, b"".join(lines).decode("utf-8", "replace"), count - len(lines))
