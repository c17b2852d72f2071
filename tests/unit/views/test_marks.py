"""Foreign text cannot steer the terminal; durations and widths read well."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmskill.model import Outcome, Phase
from swarmskill.views.marks import Look, about, amount, columns, duration, elapsed, look_of, money, pad, safe, shorten


class Terminal(io.StringIO):
    """A terminal with a character set."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._name = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._name

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bcreset", "reset"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("bell\x07 back\x08", "bell\ufffd back\ufffd"),
        ("abc\u202etxt", "abctxt"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
    ],
)
def test_safe_text(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text())
def test_safe_text_is_always_printable_and_stays_as_it_is(text: str) -> None:
    assert safe(text).isprintable()
    assert safe(safe(text)) == safe(text)


@given(st.text(), st.integers(0, 30))
def test_fitted_text_is_never_wider_than_asked(text: str, width: int) -> None:
    assert columns(Look().fit(text, width)) <= width
    ascii_text = Look(unicode=False, encoding="ascii").fit(text, width)
    assert ascii_text.isascii()
    assert len(ascii_text) <= width


def test_shortened_text_counts_wide_characters_as_two() -> None:
    assert shorten("模块模块", 5) == "模块…"
    assert pad("模", 4) == "模  "


def test_durations() -> None:
    values = [0.04, 3.21, 9.96, 59.4, 59.6, 83, 3600 * 2 + 300, 3 * 86400 + 4 * 3600]
    assert [duration(v) for v in values] == ["0.0s", "3.2s", "10s", "59s", "1m 00s", "1m 23s", "2h 05m", "3d 04h"]
    assert [elapsed(v) for v in (0.9, 59.9, 61.9)] == ["0s", "59s", "1m 01s"]
    assert [about(v) for v in (1, 43, 130, 9000)] == ["5s", "45s", "2m", "2.5h"]


def test_amounts() -> None:
    assert [amount(n) for n in (950, 12_400, 999_499, 1_310_000)] == ["950", "12k", "999k", "1.3M"]
    assert [money(0.314), money(250.4)] == ["$0.31", "$250"]


def test_every_phase_and_outcome_has_a_mark_of_one_column() -> None:
    for name in [*Phase, *Outcome]:
        if name is not Phase.ENDED:
            assert columns(Look().mark_of(name)) == 1
            assert Look(unicode=False).mark_of(name).isascii()


def test_colours_only_on_a_terminal_that_wants_them() -> None:
    term = {"TERM": "xterm"}
    assert look_of(Terminal(), term).colour
    assert not look_of(Terminal(), term | {"NO_COLOR": "1"}).colour
    assert not look_of(Terminal(), {"TERM": "dumb"}).colour
    assert not look_of(io.StringIO(), term).colour


def test_a_terminal_without_unicode_gets_ascii() -> None:
    look = look_of(Terminal("ascii"), {"TERM": "xterm"})
    assert not look.unicode
    assert look.clean("Prüfung") == "Pr?fung"
    assert look_of(Terminal("latin-1"), {}).clean("Prüfung 模") == "Prüfung ?"
