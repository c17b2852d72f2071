"""A fresh scene for each test, in memory where the system has it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.laws import processes_of
from tests.crash.scene import Scene, Zygote, fast_folder, template

if not sys.platform.startswith("linux"):
    collect_ignore_glob = ["test_*.py"]  # they look for left-over processes in /proc


@pytest.fixture(scope="session", autouse=True)
def _forget_template() -> Iterator[None]:
    yield
    if template.cache_info().currsize:
        shutil.rmtree(template())


@pytest.fixture
def make_scene() -> Iterator[Callable[..., Scene]]:
    """Makes scenes; whatever runs in them at the end of the test is ended."""
    scenes: list[Scene] = []

    def make(**options: Any) -> Scene:
        scene = Scene(Path(tempfile.mkdtemp(prefix="swarm-crash-", dir=fast_folder())), **options)
        scenes.append(scene)
        return scene

    yield make
    for scene in scenes:
        for pid in processes_of(scene):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(scene.folder, ignore_errors=True)


@pytest.fixture
def scene(make_scene: Callable[..., Scene]) -> Scene:
    """The five-task run."""
    return make_scene()


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Forks mayors."""
    with Zygote() as forking:
        yield forking
