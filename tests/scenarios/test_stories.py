"""Each story under `stories/` comes out as it is written.

After a change of the core run `pytest tests/scenarios --rewrite`, read the difference, and commit only
what you understand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.language import rewrite_story

STORIES = sorted((Path(__file__).parent / "stories").glob("*.txt"))


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_a_story_comes_out_as_written(story: Path, rewrite: bool) -> None:
    text = story.read_text(encoding="utf-8")
    told = rewrite_story(text)
    if rewrite:
        story.write_text(told, encoding="utf-8")
    else:
        assert told == text


def test_a_wrong_expectation_is_noticed() -> None:
    text = "start\n  task a\n----\na: ready\n"
    assert rewrite_story(text) != text


def test_an_unknown_command_is_refused() -> None:
    with pytest.raises(ValueError, match="no such command: dance"):
        rewrite_story("start\n  task a\n\ndance a")
