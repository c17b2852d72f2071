"""Cgroups in a folder that plays /sys/fs/cgroup: the kernel would make the files that are made here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from swarmskill.backends.cgroups import inside, make_cgroup, own_cgroup, remove_cgroup, remove_empty, was_over
from swarmskill.backends.delegation import Ground, settle_ground, survey_ground

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/cgroup"), reason="only Linux has cgroups")


class Tree:
    """A system whose cgroups are below `root`, and whose process is in the cgroup `scope`."""

    def __init__(self, base: Path) -> None:
        self.root = base / "fs"
        self.own = base / "own"
        self.own.write_text("12:memory:/other\n0::/user.slice/scope\n")
        self.cgroup("", processes="")
        self.cgroup("user.slice", subtree="memory pids", processes="")
        self.scope = self.cgroup("user.slice/scope")
        self.child = self.cgroup("user.slice/scope/swarm-mayor", processes="")

    def cgroup(self, name: str, controllers: str = "cpu memory pids", subtree: str = "", processes: str = "us") -> Path:
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.controllers").write_text(controllers + "\n")
        (folder / "cgroup.subtree_control").write_text(subtree + "\n")
        (folder / "cgroup.procs").write_text(processes.replace("us", f"{os.getpid()}\n"))
        return folder

    def survey(self) -> Ground:
        return survey_ground(str(self.root), str(self.own))

    def settle(self) -> Ground:
        return settle_ground(str(self.root), str(self.own))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_the_own_cgroup_is_that_of_version_2(tree: Tree) -> None:
    assert own_cgroup(str(tree.root), str(tree.own)) == str(tree.scope)


def test_a_cgroup_of_our_own_is_split(tree: Tree) -> None:
    assert tree.survey() == Ground(str(tree.scope))
    assert (tree.child / "cgroup.procs").read_text() == ""
    assert tree.settle() == Ground(str(tree.scope))
    assert (tree.child / "cgroup.procs").read_text() == str(os.getpid())
    assert (tree.scope / "cgroup.subtree_control").read_text() == "+memory"


def test_one_that_is_split_already_is_taken_as_it_is(tree: Tree) -> None:
    tree.cgroup("user.slice/scope", subtree="memory", processes="us1\n")
    assert tree.settle() == Ground(str(tree.scope))
    assert (tree.child / "cgroup.procs").read_text() == ""


def test_nobody_else_is_moved(tree: Tree) -> None:
    tree.cgroup("user.slice/scope", processes="1\nus")
    ground = tree.settle()
    assert (ground.folder, ground.reason) == ("", f"others share its cgroup {tree.scope} (process 1)")
    assert "systemd-run --user --scope" in ground.fix
    assert (tree.child / "cgroup.procs").read_text() == ""
    assert (tree.scope / "cgroup.subtree_control").read_text() == "\n"


def test_without_the_memory_controller_there_is_no_place(tree: Tree) -> None:
    tree.cgroup("user.slice/scope", controllers="cpu pids")
    assert tree.settle() == Ground(reason=f"{tree.scope} has no memory controller")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", ["", "cgroup.procs", "cgroup.subtree_control"])
def test_what_belongs_to_others_is_left_alone(tree: Tree, name: str) -> None:
    place = tree.scope / name
    place.chmod(0o555)
    ground = tree.settle()
    place.chmod(0o755)
    assert ground.reason == f"{os.path.join(tree.scope, name)} is not ours to write"


def test_a_system_with_cgroups_of_version_1_has_none(tree: Tree) -> None:
    (tree.root / "cgroup.controllers").unlink()
    assert tree.settle() == Ground(reason=f"no cgroups of version 2 in {tree.root}")
    tree.own.write_text("4:memory:/\n")
    tree.cgroup("")
    assert tree.settle() == Ground(reason=f"no cgroups of version 2 in {tree.root}")


def test_where_the_kernel_says_no_we_go_back(tree: Tree) -> None:
    (tree.child / "cgroup.procs").unlink()
    ground = tree.settle()
    assert (ground.folder, ground.reason) == ("", f"{tree.child}/cgroup.procs: no such file or directory")
    assert (tree.scope / "cgroup.subtree_control").read_text() == "\n"


@pytest.mark.parametrize("optional", [("memory.swap.max", "memory.oom.group"), ()])
def test_a_worker_s_cgroup_has_its_limit_without_swap(tmp_path: Path, optional: tuple[str, ...]) -> None:
    worker = tmp_path / "worker"
    worker.mkdir()
    for name in ("memory.max", *optional):
        (worker / name).write_text("")
    make_cgroup(str(worker), 4 << 30)
    assert {file.name: file.read_text() for file in worker.iterdir()} == {
        "memory.max": "4294967296",
        **dict(zip(optional, ("0", "1"), strict=False)),
    }


def test_a_limit_that_cannot_be_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        make_cgroup(str(tmp_path / "worker"), 4 << 30)


def test_a_start_happens_inside_and_then_we_are_back(tree: Tree) -> None:
    worker = tree.cgroup("user.slice/scope/worker", processes="")
    with inside(str(worker), str(tree.root), str(tree.own)):
        assert (worker / "cgroup.procs").read_text() == "0"
        (tree.scope / "cgroup.procs").write_text("")
    assert (tree.scope / "cgroup.procs").read_text() == "0"


def test_who_finds_home_gone_goes_to_the_mayor_s(tree: Tree) -> None:
    worker = tree.cgroup("user.slice/scope/worker", processes="")
    window = tree.cgroup("user.slice/window")
    tree.own.write_text("0::/user.slice/window\n")
    with inside(str(worker), str(tree.root), str(tree.own)):
        (window / "cgroup.procs").unlink()
    assert (tree.child / "cgroup.procs").read_text() == "0"


@pytest.mark.parametrize(
    ("events", "over"),
    [
        ("low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 1\n", True),
        ("low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\noom_group_kill 0\n", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_kernel_s_own_count_proves_it(tmp_path: Path, events: str | None, over: bool) -> None:
    if events is not None:
        (tmp_path / "memory.events").write_text(events)
    assert was_over(str(tmp_path)) is over


def test_what_a_worker_made_in_its_cgroup_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "worker/inner/most").mkdir(parents=True)
    assert remove_cgroup(str(tmp_path / "worker"))
    assert not (tmp_path / "worker").exists()
    assert remove_cgroup(str(tmp_path / "worker"))


def test_one_with_processes_stays(tmp_path: Path) -> None:
    (tmp_path / "worker/inner").mkdir(parents=True)
    (tmp_path / "worker/cgroup.procs").write_text("7\n")  # a folder with a file in it cannot be removed either
    assert not remove_empty(str(tmp_path / "worker"))
    assert (tmp_path / "worker").exists()
