"""Twenty tasks reformat a published code base at the same time, and its own test suite judges every merge."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.real.harness import IN_CI, Project, project, slow_unless_in_ci

__all__ = ["project"]

pytestmark = slow_unless_in_ci

NAME, VERSION = "markdown", "3.11.3"
SHA256 = "81eb91631dc97ad1efbc76019ef0f80fe90ca49ddf81546752d79989c3bfff3e"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swarm-tests"
FETCH = ("download", "--no-deps", "--no-binary", NAME, f"{NAME}=={VERSION}", "--dest", str(CACHE))
PIPS = ([sys.executable, "-m", "pip"], ["uv", "run", "--no-project", "--with", "pip", "python", "-m", "pip"])


def fetched() -> Path:
    """The source distribution, out of the cache or freshly downloaded; skips, outside of CI, if it cannot be had."""
    archive = CACHE / f"{NAME}-{VERSION}.tar.gz"
    CACHE.mkdir(parents=True, exist_ok=True)
    said = ""
    for pip in PIPS:
        if archive.exists() or (not pip[0].startswith("/") and shutil.which(pip[0]) is None):
            break
        said = subprocess.run([*pip, *FETCH], capture_output=True, text=True, timeout=200, check=False).stderr
    if not archive.exists():
        told = f"cannot be downloaded; to bring it: pip {' '.join(FETCH)}\n{said[-500:]}"
        pytest.fail(told) if IN_CI else pytest.skip(told)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256, f"{archive} is not what was published: remove it"
    return archive


def unpack(archive: Path, top: Path) -> None:
    subprocess.run(["tar", "-xf", str(archive), "-C", str(top.parent)], check=True)
    shutil.copytree(top.parent / f"{NAME}-{VERSION}", top, dirs_exist_ok=True)
    (top / ".gitignore").write_text("__pycache__/\n")


def reformat(module: str, number: int) -> dict[str, Any]:
    """Let a real formatter rewrite one module."""
    tool = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--line-length", "100"]
    return {
        "id": number,
        "subject": f"Reformat {module}",
        "run": [*tool, module],
        "files": [module],
        "validation": {
            "files_exist": [module],
            "lint": f"{sys.executable} -m ruff format --isolated --no-cache --line-length 100 --check {module}",
            "command": f"{sys.executable} -m py_compile {module}",
        },
    }


def test_twenty_modules_are_reformatted_side_by_side_and_the_suite_stays_green(project: Project, capsys: Any) -> None:
    unpack(fetched(), project.top)
    base = project.commit_all(f"{NAME} {VERSION}")
    assert len(project.git("ls-files").split("\n")) > 300
    sizes = {path: path.stat().st_size for path in (project.top / NAME).rglob("*.py")}
    largest = sorted(sizes, key=lambda path: (-sizes[path], path))[:20]
    modules = [str(path.relative_to(project.top)) for path in largest]
    suite = f"{sys.executable} -m unittest discover -q tests"
    tasks = [reformat(module, number) for number, module in enumerate(modules, 1)]
    (project.top / "README.md").write_text("the user is just editing this\n")
    (project.top / "notes.txt").write_text("untracked\n")

    listed = project.write_tasks({"tasks": tasks, "cross_cutting": [{"name": "suite", "command": suite}]})
    ran = project.swarm("run", listed, "--max-workers", "4", "--json")

    with capsys.disabled():
        print(f"\n20 modules of {NAME} {VERSION}, its suite at every merge: {ran.seconds:.1f} s")
    assert ran.code == 0, ran.stderr[-3000:]
    document = ran.document
    assert (document["outcome"], document["landed"]) == ("completed", document["head"])
    assert [task["outcome"] for task in document["tasks"]] == ["completed"] * 20
    assert sorted(map(int, project.trailers(f"{base}..main", "Swarm-Task"))) == list(range(1, 21))
    assert project.git("rev-list", "--count", f"{base}..main") == "20"
    assert sorted(project.git("diff", "--name-only", base, "main").split("\n")) == sorted(modules)
    for task in document["tasks"]:
        changed = project.git("diff-tree", "-r", "--name-only", "--no-commit-id", task["commit"])
        assert task["subject"] == f"Reformat {changed}"
    tests = project.run(*suite.split(" "))
    assert tests.code == 0, tests.stderr
    assert project.git("status", "--porcelain").split("\n") == [" M README.md", "?? notes.txt"]
    assert (project.top / "README.md").read_text() == "the user is just editing this\n"
    assert (project.top / "notes.txt").read_text() == "untracked\n"
    assert project.attempts_left() == []
