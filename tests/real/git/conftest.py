"""A real git repository in a temporary folder, with the words that tests need to work in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from swarmskill.config import WorktreeSetup
from swarmskill.repo.repository import Repository
from swarmskill.repo.snapshot import Snapshot, snapshot
from swarmskill.repo.worktree import Worktrees

RUN = "20261121-1402-brave-otter"


def run_command(words: Sequence[str], folder: Path) -> tuple[int, str]:
    """What the mayor passes in to run set-up commands."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


class GitRepo:
    """A checkout at `top` on branch main. Paths may be text or bytes; contents too."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def git(self, *words: str, folder: Path | None = None, check: bool = True) -> str:
        done = subprocess.run(["git", *words], cwd=folder or self.top, capture_output=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"git {words}: {done.stderr!r}")
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def write(self, path: str, content: str | bytes, folder: Path | None = None) -> Path:
        file = (folder or self.top) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def commit(self, files: dict[str, str | bytes] | None = None, message: str = "more") -> str:
        """Write the files and commit everything; returns the commit."""
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def head(self, rev: str = "HEAD") -> str:
        return self.git("rev-parse", rev)

    def files(self, commit: str) -> list[str]:
        listed = self.git("ls-tree", "-r", "-z", "--name-only", commit)
        return listed.split("\0")[:-1]

    def content(self, commit: str, path: str) -> str:
        return self.git("cat-file", "blob", f"{commit}:{path}")

    def branch_off(self, name: str, files: dict[str, str | bytes | None], start: str = "main") -> str:
        """A commit on `start` with these files written (None: deleted), made without touching the checkout."""
        folder = self.top.parent / f"side-{name}"
        self.git("worktree", "add", "-q", "--detach", str(folder), start)
        for path, content in files.items():
            if content is None:
                (folder / path).unlink()
            else:
                self.write(path, content, folder)
        self.git("add", "-A", folder=folder)
        self.git("commit", "-q", "-m", name, folder=folder)
        commit = self.git("rev-parse", "HEAD", folder=folder)
        self.git("worktree", "remove", "--force", str(folder))
        return commit

    def open(self) -> Repository:
        return Repository.open(self.top)

    def worktrees(self, setup: WorktreeSetup | None = None, run_id: str = RUN) -> Worktrees:
        repository = self.open()
        repository.exclude_worker_folder()
        root = repository.top / ".swarm" / "worktrees" / run_id
        return Worktrees(repository, run_id, root, setup or WorktreeSetup(), run_command=run_command)

    def snap(self, worktree: Path, base: str, **options: tuple[str, ...]) -> Snapshot:
        return snapshot(self.open(), worktree, base, "work\n", **options)


def use_settings(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Settings of a user who has a name and little else; the machine's are not seen."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        patch.delenv(name)
    settings = folder / "gitconfig"
    settings.write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
        '[protocol "file"]\n\tallow = always\n[commit]\n\tgpgsign = false\n'
    )
    patch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("HOME", str(folder))
    return settings


@pytest.fixture(autouse=True)
def git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file that git reads in this test."""
    return use_settings(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that every test gets a copy of: copying is quicker than making."""
    top = tmp_path_factory.mktemp("template") / "repo"
    top.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        use_settings(top.parent, patch)
        repo = GitRepo(top)
        repo.git("init", "-q")
        repo.commit({"a.txt": "1\n2\n3\n", "src/b.py": "b = 1\n", ".gitignore": "*.log\n/build/\n"}, "start")
    return top


@pytest.fixture
def git_repo(tmp_path: Path, template: Path) -> GitRepo:
    """A repository with a few files and one commit, in a folder with a space in its name."""
    top = (tmp_path / "my repo").resolve()
    shutil.copytree(template, top, symlinks=True)
    repo = GitRepo(top)
    repo.git("status")  # the copies have other inodes: let git note them
    return repo
