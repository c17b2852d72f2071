"""Whatever is in a file: it loads, or it is refused as the user's mistake."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from swarmskill.core.graph import build_graph
from swarmskill.errors import InputError
from swarmskill.model import Task, TaskList
from swarmskill.sources.taskfile import LIST_KEYS, TASK_KEYS, load_tasks
from swarmskill.views.plan import plan_json, plan_text

quick = settings(max_examples=25, deadline=None)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1", "30m", "a/b", "**", "pytest -q", "completed", "(", "'", 1, 2])
)
keys = st.sampled_from(
    [*TASK_KEYS, *LIST_KEYS, "blockedBy", "tests", "files_exist", "content_check", "file", "pattern", "type", "command"]
) | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=8
)
task_like = st.fixed_dictionaries({"id": scalars, "subject": scalars}, optional=dict.fromkeys(TASK_KEYS[2:], values))


def load(data: bytes, suffix: str) -> TaskList:
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(data)
        file.flush()
        return load_tasks(file.name, repo_top=Path(tempfile.gettempdir()))


def try_load(data: bytes, suffix: str) -> None:
    """Load it; a list that is accepted must be one that can be planned, too."""
    with suppress(InputError):
        loaded = load(data, suffix)
        graph = build_graph(loaded.tasks)
        json.dumps(plan_json(loaded, graph))
        plan_text(loaded, graph)


@quick
@given(values | st.lists(task_like, min_size=1, max_size=2))
def test_any_value_loads_or_is_refused(value: Any) -> None:
    try_load(json.dumps(value).encode(), ".json")


@quick
@given(st.binary(max_size=60), st.sampled_from([".json", ".yaml", ""]))
def test_any_bytes_load_or_are_refused(data: bytes, suffix: str) -> None:
    try_load(data, suffix)


@quick
@given(st.text(alphabet="-:[]{},&*!|>'\"#%@`\n\t a1?.<~=", max_size=40))
def test_anything_like_yaml_loads_or_is_refused(text: str) -> None:
    try_load(text.encode(), ".yaml")


words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)


@st.composite
def task_lists(draw: st.DrawFn) -> list[Task]:
    ids = draw(st.lists(words, min_size=1, max_size=6, unique=True))
    tasks = []
    for number, task_id in enumerate(ids):
        blockers = draw(st.lists(st.sampled_from(ids[:number]), unique=True, max_size=3)) if number else []
        tasks.append(
            Task(
                id=task_id,
                subject=draw(words),
                description=draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)),
                blocked_by=tuple(blockers),
                priority=draw(st.integers(-5, 5)),
                done=draw(st.booleans()),
                run=tuple(draw(st.lists(words, max_size=3))),
                timeout=draw(st.none() | st.floats(0.1, 1e6)),
                estimate=draw(st.none() | st.floats(0, 1e6)),
                allow_empty=draw(st.booleans()),
            )
        )
    return draw(st.permutations(tasks))


def _written(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "subject": task.subject,
        "description": task.description,
        "blockedBy": list(task.blocked_by),
        "priority": task.priority,
        "status": "completed" if task.done else "pending",
        "run": list(task.run) or None,
        "timeout": task.timeout,
        "estimate": task.estimate,
        "allowEmpty": task.allow_empty,
    }


@quick
@given(task_lists(), st.booleans())
def test_a_sound_list_is_read_back_as_it_was(tasks: list[Task], ascii_only: bool) -> None:
    data = json.dumps([_written(task) for task in tasks], ensure_ascii=ascii_only).encode()
    assert load(data, ".json").tasks == tuple(tasks)
