"""For random edits by several workers: every line that an accepted attempt added is in the final tree.

The lines that workers add are unique and no worker deletes another's, so each has to be somewhere, in whatever
file a merge moved it to. An attempt that does not merge is not accepted.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from swarmskill.places import branch_ref
from swarmskill.repo.integrate import advance, commit_tree, merge
from swarmskill.repo.repository import Repository

FILES = {f"{folder}f{n}": [f"base {n}.{line}" for line in range(12)] for folder in ("", "dir/") for n in range(2)}
RUN = "20261121-1402-brave-otter"
LINE = re.compile(rb"w\d+-\d+")


@dataclass(frozen=True)
class Worker:
    """A worker's files after its edits; `late` starts from what was integrated before it."""

    edits: tuple[tuple[str, int, int], ...]
    late: bool = False


EDITS = st.tuples(
    st.sampled_from(["insert", "insert", "insert", "replace", "cut", "delete", "rename", "add", "mode", "move"]),
    st.integers(0, 3),
    st.integers(0, 11),
)
WORKERS = st.lists(
    st.builds(Worker, edits=st.lists(EDITS, min_size=1, max_size=5).map(tuple), late=st.booleans()),
    min_size=2,
    max_size=4,
)


@dataclass
class Tree:
    """Files of one commit as lists of lines."""

    files: dict[str, tuple[str, list[bytes]]] = field(default_factory=dict)

    def edit(self, worker: int, number: int, what: str, which: int, where: int) -> None:
        """One edit; passed over where it does not fit."""
        new = [b"w%d-%d" % (worker, number)]
        names = sorted(self.files)
        if what == "add":
            self.files[f"new{which}"] = ("100644", self.files.get(f"new{which}", ("", []))[1] + new)
            return
        if which >= len(names):
            return
        name = names[which]
        mode, lines = self.files[name]
        own = [n for n, line in enumerate(lines) if line.startswith(b"base")]
        if what == "insert":
            self.files[name] = (mode, [*lines[:where], *new, *lines[where:]])
        elif what in ("replace", "cut") and own:
            at = own[where % len(own)]
            self.files[name] = (mode, [*lines[:at], *(new if what == "replace" else []), *lines[at + 1 :]])
        elif what == "mode":
            self.files[name] = ("100755", lines)
        elif what == "delete" and len(own) == len(lines):
            del self.files[name]
        elif what in ("rename", "move"):
            target = f"renamed{where % 3}" if what == "rename" else f"dir{where % 3}/{name.rpartition('/')[2]}"
            if target not in self.files:
                self.files[target] = self.files.pop(name)

    def lines(self) -> set[bytes]:
        """The workers' lines in all files."""
        return {line for _, lines in self.files.values() for line in lines if LINE.fullmatch(line)}


class Store:
    """A bare-bones repository: commits are made by fast-import, read by cat-file."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.com")
        self.base = self.commit(self.start())
        self.git("update-ref", "refs/heads/main", self.base)
        self.repository = Repository.open(top)

    def start(self) -> Tree:
        """The files of the base."""
        return Tree({path: ("100644", [line.encode() for line in lines]) for path, lines in FILES.items()})

    def git(self, *words: str, stdin: bytes = b"") -> bytes:
        return subprocess.run(["git", *words], cwd=self.top, input=stdin, capture_output=True, check=True).stdout

    def commit(self, tree: Tree, parent: str = "") -> str:
        parts = [b"commit refs/heads/made\nmark :1\ncommitter A <a@b> 0 +0000\ndata 0\n"]
        parts += [b"from %s\ndeleteall\n" % parent.encode() if parent else b"deleteall\n"]
        for path, (mode, lines) in tree.files.items():
            data = b"".join(line + b"\n" for line in lines)
            parts.append(b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), path.encode(), len(data), data))
        parts.append(b"get-mark :1\n")
        return self.git("fast-import", "--quiet", "--force", stdin=b"".join(parts)).decode().strip()

    def tree(self, commit: str) -> Tree:
        listed = self.git("ls-tree", "-rz", commit).split(b"\0")[:-1]
        entries = [
            (line.split(b"\t", 1)[1], *line.split(b" ")[:1], line.split(b"\t")[0].split(b" ")[2]) for line in listed
        ]
        asked = b"".join(name + b"\n" for *_, name in entries)
        contents = _blobs(self.git("cat-file", "--batch", stdin=asked))
        return Tree({p.decode(): (m.decode(), c.splitlines()) for (p, m, _), c in zip(entries, contents, strict=True)})


def _blobs(data: bytes) -> Iterator[bytes]:
    while data:
        head, _, data = data.partition(b"\n")
        size = int(head.rsplit(b" ", 1)[1])
        yield data[:size]
        data = data[size + 1 :]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@given(workers=WORKERS)
def test_every_line_of_an_accepted_attempt_is_in_the_final_tree(store: Store, workers: list[Worker]) -> None:
    tip = store.base
    store.git("update-ref", branch_ref(RUN), tip)
    accepted: set[bytes] = set()
    # Those that started first know nothing of each other; a late one starts from what is there by then.
    for number, worker in enumerate(sorted(workers, key=lambda worker: worker.late)):
        start = tip if worker.late else store.base
        tree = store.start() if start == store.base else store.tree(start)
        for n, edit in enumerate(worker.edits):
            tree.edit(number, n, *edit)
        merged = merge(store.repository, tip, store.commit(tree, start))
        event("conflict" if merged.conflicts else "merged")
        if merged.conflicts:
            continue
        commit = commit_tree(store.repository, merged.tree, tip, f"worker {number}\n")
        assert advance(store.repository, branch_ref(RUN), commit, tip)
        tip, accepted = commit, accepted | tree.lines()
    assert accepted <= store.tree(tip).lines()


def test_the_property_sees_a_dropped_line(store: Store) -> None:
    """A merge that takes one side of a conflict would be caught."""
    trees = [_with_line(store, f"w{n}-0".encode()) for n in (1, 2)]
    one, two = (store.commit(tree, store.base) for tree in trees)
    assert merge(store.repository, one, two).conflicts == ("f0",)
    assert not trees[1].lines() <= store.tree(one).lines()


def _with_line(store: Store, line: bytes) -> Tree:
    tree = store.tree(store.base)
    mode, lines = tree.files["f0"]
    return replace(tree, files={**tree.files, "f0": (mode, [line, *lines[1:]])})
