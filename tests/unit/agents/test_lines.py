"""Our own form of events: what is written is read back, and nothing that stands between does harm."""

from __future__ import annotations

import pytest

from swarmskill.agents.base import AgentEvent, Began, Failed, Finished, Retrying, Said, Spent, UsedTool, WasDenied
from swarmskill.agents.lines import LineReader, format_event
from swarmskill.model import Problem, Trouble, Usage

EVENTS: tuple[AgentEvent, ...] = (
    Began("s-1", "big"),
    Said("two\nlines"),
    UsedTool("$ pytest -q"),
    Spent(Usage(1, 2, 3, 0.25), "big"),
    Spent(Usage(1, 2, 3)),
    WasDenied("$ rm -rf /"),
    Retrying(Problem(Trouble.RATE_LIMIT, "slow down", 30.0)),
    Failed(Problem(Trouble.AUTH, "no key")),
    Finished("done"),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_event_is_read_back(event: AgentEvent) -> None:
    line = format_event(event)
    assert "\n" not in line
    assert list(LineReader().read(line)) == [event]


def test_bare_event_has_no_line() -> None:
    with pytest.raises(ValueError, match="AgentEvent"):
        format_event(AgentEvent())


def test_sessions_cost_is_the_attempts_beyond_what_was_spent_before() -> None:
    line = format_event(Spent(Usage(10, 20, 30, 1.0)), cost_of_session=True)
    (told,) = LineReader(Usage(4, 5, 6, 0.25)).read(line)
    assert told == Spent(Usage(10, 20, 30, 0.75))
    (anew,) = LineReader(Usage(100, 100, 100, 5.0)).read(line)
    assert anew == Spent(Usage(10, 20, 30, 1.0)), "an agent that counts anew"


def test_end_without_a_word_is_told_by_the_logs_last_words() -> None:
    reader = LineReader()
    for line in ("starting", "{broken", '{"swarm": "unheard-of"}', "Error: connect ECONNREFUSED 127.0.0.1:9"):
        assert list(reader.read(line)) == []
    (event,) = reader.close(1)
    assert isinstance(event, Failed)
    assert event.problem.kind == Trouble.NETWORK


def test_failure_without_a_kind_is_told_by_the_logs_last_words() -> None:
    reader = LineReader()
    list(reader.read("Not logged in"))
    (event,) = reader.read('{"swarm": "failed", "detail": "the agent ended"}')
    assert event == Failed(Problem(Trouble.AUTH, "the agent ended: Not logged in"))
    assert list(reader.close(1)) == []


def test_odd_values_are_nothing() -> None:
    (event,) = LineReader().read('{"swarm": "spent", "input_tokens": -4, "output_tokens": "x", "cost_usd": true}')
    assert event == Spent(Usage())
