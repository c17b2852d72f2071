"""What every kind of task list promises, whatever tool is behind it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from swarmskill.core.graph import build_graph, find_cycle
from swarmskill.errors import InputError, Refused, SwarmError, UsageError
from swarmskill.sources.base import Edge, Loaded, Source
from swarmskill.sources.edge import real_edge
from swarmskill.sources.registry import BUILT_IN, find_source, source_names
from swarmskill.trackers.registry import find_tracker

FIXTURES = Path(__file__).parents[2] / "fixtures"


@dataclass(frozen=True)
class Sample:
    """A list as its tool keeps it: files to be copied, where it is then, and what its program prints."""

    files: str = ""
    where: str = ""
    printed: str = ""


SAMPLES = {
    "beads": Sample(printed="beads/ready-envelope.json"),
    "claude": Sample(files="lists/claude"),
    "spec-kit": Sample(files="lists/spec-kit"),
    "task-master": Sample(files="lists/task-master"),
    "github": Sample(where="label=x", printed="lists/github/issues.json"),
    "checklist": Sample(files="lists/checklist", where="TODO.md"),
    "tasks": Sample(files="auth", where="tasks.json"),
}

every_source = pytest.mark.parametrize("name", list(BUILT_IN))


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def placed(name: str, top: Path) -> tuple[Source, str, Edge]:
    """The source, where its sample is, and a world that has it."""
    sample, home = SAMPLES[name], top / "home"
    if name == "claude":
        shutil.copytree(FIXTURES / sample.files, home / ".claude/tasks/mine")
    elif sample.files:
        shutil.copytree(FIXTURES / sample.files, top, dirs_exist_ok=True)

    def run(argv: Sequence[str]) -> str:
        if argv[:3] == ["gh", "issue", "view"]:
            return json.dumps({"number": int(argv[3]), "state": "CLOSED"})
        return (FIXTURES / sample.printed).read_text()

    return find_source(name), sample.where, Edge(top=top, home=home, environment={}, read=real_edge(top).read, run=run)


def load(name: str, top: Path) -> Loaded:
    source, where, edge = placed(name, top)
    return source.load(where, edge)


def test_every_kind_has_a_sample() -> None:
    assert set(SAMPLES) == set(BUILT_IN)


@every_source
def test_it_is_found_by_its_name(name: str) -> None:
    source = find_source(name)
    assert source.name == name
    assert isinstance(source.where, str)


@every_source
def test_what_it_reads_can_be_run(name: str, top: Path) -> None:
    loaded = load(name, top)
    tasks = loaded.tasks.tasks
    assert tasks
    assert len({task.id for task in tasks}) == len(tasks)
    assert {blocker for task in tasks for blocker in task.blocked_by} <= {task.id for task in tasks}
    assert find_cycle(list(tasks)) is None
    assert build_graph(tasks).tasks
    assert all(task.subject.isprintable() and task.subject.strip() for task in tasks)
    assert all("\0" not in task.description for task in tasks)
    assert loaded.tasks.source


@every_source
def test_reading_changes_nothing_and_tells_the_same_twice(name: str, top: Path) -> None:
    source, where, edge = placed(name, top)
    before = {path: path.read_bytes() for path in top.rglob("*") if path.is_file()}
    assert source.load(where, edge) == source.load(where, edge)
    assert {path: path.read_bytes() for path in top.rglob("*") if path.is_file()} == before


@every_source
def test_whom_it_names_to_be_told_is_there(name: str, top: Path) -> None:
    loaded = load(name, top)
    if loaded.tracker:
        assert find_tracker(loaded.tracker, loaded.options).name == loaded.tracker
    assert not loaded.file or Path(loaded.file).is_absolute()
    assert bool(loaded.tracker) or not loaded.shared


@every_source
@pytest.mark.parametrize("where", ["no/such/place", "=", "-x", "a=b"])
def test_a_place_that_is_not_there_is_an_error_with_a_hint(name: str, where: str, top: Path) -> None:
    source, _, edge = placed(name, top)
    with pytest.raises(SwarmError) as caught:
        source.load(where, Edge(edge.top, edge.home, {}, edge.read, real_edge(top).run))
    assert isinstance(caught.value, InputError | UsageError | Refused)
    assert caught.value.hint


@every_source
@pytest.mark.parametrize("path", ["a.md", "a.json", "a.yaml", "a"])
@pytest.mark.parametrize(
    "text", ["", "\0", "{", "[[[", "- [ ] T001 a", "\ufeff", "[" * 5000, '{"a": {"tasks": 3}}', "\ud800"]
)
def test_recognising_never_raises(name: str, path: str, text: str) -> None:
    assert find_source(name).recognises(path, text) in (True, False)


@every_source
def test_only_one_kind_recognises_a_sample(name: str, top: Path) -> None:
    files = [
        file for file in (FIXTURES / (SAMPLES[name].files or "none")).rglob("*") if file.suffix in (".md", ".json")
    ]
    for file in files:
        if name == "claude" or file.name == "state.json":
            continue
        text = file.read_text()
        found = [kind for kind in source_names() if kind != "tasks" and find_source(kind).recognises(str(file), text)]
        assert found[:1] == ([] if name == "tasks" else [name])


def test_an_unknown_kind_is_told_with_all_that_there_are() -> None:
    with pytest.raises(UsageError, match="no kind of task list is called 'spec-kitt'") as caught:
        find_source("spec-kitt")
    assert "did you mean 'spec-kit'?" in caught.value.hint
    assert all(name in caught.value.hint for name in BUILT_IN)


PACKAGE = """
from swarmskill.model import Task, TaskList
from swarmskill.sources.base import Loaded

class Mine:
    name = "mine"
    where = "NAME"

    def load(self, where, edge):
        return Loaded(TaskList((Task(id="1", subject=where),), source="mine"))

    def recognises(self, path, text):
        return text.startswith("mine!")

SOURCE = Mine()
"""


def test_another_package_can_bring_one(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from swarmskill.sources.registry import load_from, recognised

    (top / "mine_list.py").write_text(PACKAGE)
    info = top / "mine_list-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine-list\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[swarmskill.sources]\nmine = mine_list:SOURCE\nlost = mine_gone:SOURCE\n")
    monkeypatch.syspath_prepend(str(top))
    assert source_names()[-2:] == ["lost", "mine"]
    edge = real_edge(None)
    assert load_from("mine:hello", edge).tasks.tasks[0].subject == "hello"
    with pytest.raises(UsageError, match=r"mine_gone:SOURCE\) cannot be loaded") as caught:
        find_source("lost")
    assert caught.value.hint == "update or remove the package mine-list"
    (top / "a.list").write_text("mine! all of it")
    assert recognised("a.list", edge).name == "mine"
