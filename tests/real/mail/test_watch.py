"""Mail is noticed at once, by the kernel or by looking; nothing that came before is missed."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmskill.mail.watch import Watch

WAYS = [True, pytest.param(False, marks=pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's"))]


@pytest.fixture(params=WAYS, ids=lambda polling: "polling" if polling else "inotify")
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    with Watch(polling=request.param) as watch:
        assert watch.by_inotify is not request.param
        yield watch


def folders(base: Path, count: int) -> list[Path]:
    made = [base / f"box{number}" for number in range(count)]
    for path in made:
        (path / "new").mkdir(parents=True)
    return made


def rename_into(box: Path, name: str) -> None:
    (box / name).write_text("x")
    (box / name).rename(box / "new" / name)


def test_a_folder_counts_as_changed_when_it_is_added_and_then_only_when_it_changes(
    watch: Watch, tmp_path: Path
) -> None:
    one, two = folders(tmp_path, 2)
    watch.add("one", one / "new")
    watch.add("two", two / "new")
    assert watch.wait(5) == {"one", "two"}
    watch.wait(0.1)
    assert watch.wait(0.1) == set()
    rename_into(two, "a")
    assert watch.wait(5) == {"two"}
    watch.remove("two")
    rename_into(two, "b")
    assert watch.wait(0.1) == set()


def test_every_rename_of_a_fast_writer_is_seen(watch: Watch, tmp_path: Path) -> None:
    (box,) = folders(tmp_path, 1)
    watch.add("box", box / "new")
    writer = threading.Thread(target=lambda: [rename_into(box, str(number)) for number in range(500)])
    writer.start()
    deadline = time.monotonic() + 20
    seen: set[str] = set()
    while len(seen) < 500 and time.monotonic() < deadline:
        assert watch.wait(2) == {"box"}, f"nothing told after {len(seen)}"
        seen |= set(os.listdir(box / "new"))
    writer.join()
    assert len(seen) == 500


def test_it_can_be_woken_from_another_thread(watch: Watch, tmp_path: Path) -> None:
    (box,) = folders(tmp_path, 1)
    watch.add("box", box / "new")
    watch.wait(0.1)
    watch.wait(0.1)
    threading.Timer(0.05, watch.wake).start()
    began = time.monotonic()
    assert watch.wait(20) == set()
    assert time.monotonic() - began < 10


def test_a_folder_that_goes_is_told_and_can_be_watched_again(watch: Watch, tmp_path: Path) -> None:
    (box,) = folders(tmp_path, 1)
    watch.add("box", box / "new")
    watch.wait(0.1)
    watch.wait(0.1)
    (box / "new").rmdir()
    assert watch.wait(5) == {"box"}
    with pytest.raises(OSError):
        watch.add("box", box / "new")
    (box / "new").mkdir()
    watch.add("box", box / "new")
    watch.wait(0.1)
    rename_into(box, "a")
    assert watch.wait(5) == {"box"}
