"""`replace` of the core means what that of dataclasses means."""

from __future__ import annotations

import dataclasses

import pytest

from swarmskill.config import RunConfig
from swarmskill.core.copying import replace
from swarmskill.core.state import State, TaskState, Worker
from swarmskill.model import AgentReport, Phase

CASES = [
    (State(run_id="r", open=5), {"ready": 3, "head": "x"}),
    (TaskState(Phase.READY, attempt=2), {"phase": Phase.ENDED, "notes": ("a",)}),
    (Worker(1, "i", "w", "b", 0.0), {"pid": 2}),
    (RunConfig(max_workers=3), {"branch": "main"}),
    (AgentReport(session="s"), {"said": "done"}),
    (State(), {}),
]


@pytest.mark.parametrize(("record", "changes"), CASES, ids=lambda value: type(value).__name__)
def test_as_in_dataclasses(record: object, changes: dict[str, object]) -> None:
    before = dataclasses.asdict(record) if not isinstance(record, State) else None
    assert replace(record, **changes) == dataclasses.replace(record, **changes)
    assert before is None or dataclasses.asdict(record) == before


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError):
        replace(State(), nonsense=1)
