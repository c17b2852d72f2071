"""`references/states.md` says what the code does."""

from __future__ import annotations

from swarmskill.core import effects, events
from swarmskill.core.transitions import _HANDLERS
from tests.bookkeeper import ANSWERS
from tests.repo.states import PATH, kinds_in, render


def test_the_page_is_up_to_date(rewrite: bool) -> None:
    page = render()
    if rewrite:
        PATH.write_text(page, encoding="utf-8")
    assert page == PATH.read_text(encoding="utf-8"), "run `pytest tests/repo --rewrite` and read the difference"


def test_every_event_has_a_handler() -> None:
    assert set(_HANDLERS) == set(kinds_in(events, events.Event))


def test_every_effect_names_the_events_that_answer_it() -> None:
    assert set(ANSWERS) == set(kinds_in(effects, effects.Effect))
    for effect, answers in ANSWERS.items():
        text = effect.__doc__ or ""
        assert all(event.__name__ in text for event in answers) or "answers its Await" in text
