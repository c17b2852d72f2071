"""Output of foreign programs is cut at line borders, and freed of control codes and credentials."""

from hypothesis import given, settings
from hypothesis import strategies as st

from swarmskill.validation.tails import TAIL_CHARACTERS, clean, listed, one_line, tail


def test_short_output_is_kept_as_it_is() -> None:
    assert tail("one\n\ttwo\n\n") == "one\n\ttwo"


def test_long_output_keeps_its_last_whole_lines() -> None:
    lines = [f"line {number}" for number in range(2000)]
    kept = tail("\n".join(lines))
    assert len(kept) <= TAIL_CHARACTERS
    first, *rest = kept.split("\n")
    assert first == "[…]"
    assert rest == lines[-len(rest) :]
    assert len(kept) + len(lines[-len(rest) - 1]) + 1 > TAIL_CHARACTERS


def test_a_cut_that_falls_on_a_border_drops_no_line() -> None:
    assert tail("aaaa\nbbbb\ncccc", limit=13) == "[…]\nbbbb\ncccc"


def test_a_single_long_line_keeps_its_end() -> None:
    kept = tail("x" * 10_000 + "end")
    assert len(kept) == TAIL_CHARACTERS
    assert kept.endswith("xend")


def test_control_codes_are_removed_and_overwritten_text_is_dropped() -> None:
    assert clean("\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\x1b(B\x00\x08") == "red plain"
    assert clean("10 %\r50 %\r100 %\nnext\r\nlast\r") == "100 %\nnext\nlast"
    assert clean("a\u202eb\ud800c") == "ab\ufffdc"


def test_a_credential_never_gets_into_a_tail() -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4gH6"
    assert token not in tail(f"token {token}")
    assert token[-10:] not in tail("x" * 5000 + f" {token}", limit=20)
    assert token not in tail(f"\x1b[1m{token[:10]}\x1b[0m{token[10:]}")


@settings(max_examples=50)
@given(st.text())
def test_any_text_becomes_printable_and_stays_so(text: str) -> None:
    cleaned = clean(text)
    assert not [char for char in cleaned if ord(char) < 32 and char not in "\n\t"]
    cleaned.encode()
    assert len(tail(text * 3, limit=50)) <= 50


def test_one_line_and_listed_stay_short() -> None:
    assert one_line("a\n b\tc", 80) == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert listed(["a", "b", "c"], limit=2) == "a, b and 1 more"
    assert listed(["a"], limit=2) == "a"
