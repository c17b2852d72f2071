"""Wave files: what becomes of a sound one, and what is said of each that is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from swarmskill.errors import InputError
from swarmskill.sources.wave import load_wave

SAMPLE = Path(__file__).parents[3] / "fixtures" / "wave"
GOOD = {"id": "q.1", "title": "One", "spec_path": "one.md", "priority": 1}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "one.md").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "out").symlink_to("/etc")
    return tmp_path


def refused(top: Path, content: Any) -> InputError:
    file = top / "wave.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError) as caught:
        load_wave(str(file), repo_top=top)
    assert caught.value.hint
    return caught.value


def test_the_sample_becomes_tasks_in_priority_order(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path, dirs_exist_ok=True)
    listed = load_wave(str(tmp_path / "wave.json"), repo_top=tmp_path)
    first, second, before = listed.tasks
    assert (first.id, first.subject, first.priority) == ("auth.1", "[auth.1] Store users", 1)
    assert first.description.splitlines()[:3] == ["OL bead: auth.1", "Spec: specs/users.md", "Priority: 1"]
    assert "specs/users.md" in first.description.splitlines()[-1]
    assert first.metadata == {"ol_bead_id": "auth.1", "ol_spec_path": "specs/users.md", "ol_priority": 1}
    assert (second.id, second.priority, second.done) == ("auth.2", 2, False)
    assert (before.id, before.done) == ("auth.0", True)
    assert listed.left_out == ("[auth.3] Log in (blocked by auth.1, auth.2)",)
    assert listed.warnings == ()


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        ({"id": None}, "/wave/0/id", "wants text, found null"),
        ({"id": 7}, "/wave/0/id", "wants text, found a number (7)"),
        ({"id": "  "}, "/wave/0/id", "the id is empty"),
        ({"id": "a\tb"}, "/wave/0/id", '"a\\tb" holds a control character'),
        ({"id": "a\x1b[2J"}, "/wave/0/id", "holds a control character"),
        ({"id": "--quest"}, "/wave/0/id", "would be read as an option"),
        ({"title": ["x"]}, "/wave/0/title", "wants text, found a list"),
        ({"title": "a\nb"}, "/wave/0/title", "holds a control character"),
        ({"spec_path": "/etc/passwd"}, "/wave/0/spec_path", "is absolute"),
        ({"spec_path": "../one.md"}, "/wave/0/spec_path", "goes up"),
        ({"spec_path": "out/passwd"}, "/wave/0/spec_path", "leads out of the repository through a link"),
        ({"spec_path": "two.md"}, "/wave/0/spec_path", 'there is no spec file "two.md"'),
        ({"spec_path": "folder"}, "/wave/0/spec_path", "is no file"),
        ({"priority": "1"}, "/wave/0/priority", "wants a whole number of 0 or more, found text"),
        ({"priority": -1}, "/wave/0/priority", "found a number (-1)"),
        ({"priority": True}, "/wave/0/priority", "found a boolean"),
        ({"priority": 1.5}, "/wave/0/priority", "found a number (1.5)"),
    ],
)
def test_a_wrong_value_is_told_with_its_entry(top: Path, change: dict[str, Any], place: str, problem: str) -> None:
    error = refused(top, {"wave": [{**GOOD, **change}]})
    assert (error.place, problem in error.problem) == (place, True), error.message


@pytest.mark.parametrize("key", list(GOOD))
def test_a_missing_key_is_told_with_its_entry(top: Path, key: str) -> None:
    error = refused(
        top, {"wave": [GOOD, {name: value for name, value in {**GOOD, "id": "q.2"}.items() if name != key}]}
    )
    assert (error.place, error.problem) == ("/wave/1", f"the entry has no {key}")


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        ({"wave": [GOOD, GOOD]}, "/wave/1/id", 'the id "q.1" is that of /wave/0, too'),
        ({"wave": [GOOD], "blocked": [{"id": "q.1"}]}, "/blocked/0/id", "is that of /wave/0, too"),
        ({"wave": []}, "/wave", "the wave is empty"),
        ({"wave": {}}, "/wave", "wants a list"),
        ({"wave": ["q.1"]}, "/wave/0", "wants an entry"),
        ({"wave": [GOOD], "completed": 3}, "/completed", "wants a list"),
        ({"blocked": []}, "", 'has no "wave"'),
        ({"tasks": []}, "", "it looks like a task file"),
        ([GOOD], "", "wants an object with a wave"),
        ('{"wave": [\n  {"id": }]}', "line 2, column 10", ""),
        ("", "", "the file is empty"),
    ],
)
def test_a_file_that_is_no_wave_is_told(top: Path, content: Any, place: str, problem: str) -> None:
    error = refused(top, content)
    assert (error.place, problem in error.problem) == (place, True), error.message


def test_a_file_that_is_not_there_or_not_to_be_read_is_told(top: Path) -> None:
    (top / "wave.json").write_text("{}")
    with pytest.raises(InputError, match="there is no such file"):
        load_wave(str(top / "wabe.json"), repo_top=top)
    with pytest.raises(InputError, match="UTF-8"):
        (top / "wave.json").write_bytes(b'{"wave": "\xff"}')
        load_wave(str(top / "wave.json"), repo_top=top)
