"""Secrets in what workers print: none gets through, however it is written and wherever the stream is cut."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmskill.backends.joblog import JobLog
from swarmskill.backends.masking import Masker, mask

AWKWARD = 'p"a\\s/s wört&+!'
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEA\n-----END KEY-----\n"


def masked(pieces: list[bytes], secrets: list[str]) -> bytes:
    masker = Masker(secrets)
    return b"".join([*(masker.feed(piece) for piece in pieces), masker.close()])


@pytest.mark.parametrize(
    "written",
    [
        AWKWARD,
        json.dumps(AWKWARD)[1:-1],
        json.dumps(AWKWARD, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(AWKWARD))[3:-3],
        quote(AWKWARD),
        quote(AWKWARD, safe=""),
        quote(AWKWARD, safe="!'()*"),
        quote_plus(AWKWARD),
    ],
)
def test_a_secret_is_masked_however_it_is_written(written: str) -> None:
    text = f"before {written} after {written}{written}\n"
    assert mask(text, [AWKWARD]) == "before *** after ******\n"
    assert masked([text.encode()], [AWKWARD]) == b"before *** after ******\n"


def test_a_stream_of_json_stays_one() -> None:
    line = json.dumps({"type": "result", "text": f"the key is {AWKWARD}"})
    assert json.loads(mask(line, [AWKWARD])) == {"type": "result", "text": "the key is ***"}


@pytest.mark.parametrize("secret", ["", "12345", "  abc \n", "\n\n\n\n\n\n\n"])
def test_short_values_are_left_alone(secret: str) -> None:
    text = f"x {secret} y 12345 abc"
    assert mask(text, [secret]) == text
    assert masked([text.encode()], [secret]) == text.encode()


def test_space_around_a_value_is_no_part_of_it() -> None:
    assert mask("is hunter2hunter2!", ["hunter2hunter2\n"]) == "is ***!"


def test_a_key_of_several_lines_is_masked_whole_and_line_by_line() -> None:
    assert mask(f"a\n{PEM}b", [PEM]) == "a\n***\nb"
    indented = "".join(f"    {line}\n" for line in PEM.splitlines())
    assert mask(indented, [PEM]) == "    ***\n" * 4
    assert mask(json.dumps({"key": PEM}), [PEM]) == '{"key": "***\\n"}'


def test_the_longest_of_several_secrets_wins() -> None:
    secrets = ["abcdef", "abcdefghi", "defghi"]
    assert mask("abcdefghi abcdefgh", secrets) == "*** ***gh"
    assert masked([b"abcdef", b"ghi abcdef", b"gh"], secrets) == b"*** ***gh"


def test_bytes_that_are_no_text_can_be_secret() -> None:
    assert masked([b"x \xff\xfesecret\xff y"], [os.fsdecode(b"\xff\xfesecret\xff")]) == b"x *** y"
    assert mask("x \udcffsecret y", ["\udcffsecret"]) == "x *** y"
    assert mask("x \ud800secret y", ["\ud800secret"]) == "x *** y"


def test_only_what_may_become_a_secret_is_kept_back() -> None:
    masker = Masker(["secret-value"])
    assert masker.feed(b"a line\n") == b"a line\n"
    assert masker.feed(b"it is sec") == b"it is "
    assert masker.feed(b"ure, not secret-") == b"secure, not "
    assert masker.feed(b"value, s") == b"***, "
    assert masker.close() == b"s"
    assert masker.close() == b""


@settings(max_examples=300)
@given(
    st.lists(st.text("ab", min_size=6, max_size=12), max_size=4),
    st.lists(st.text("ab", max_size=20), max_size=20),
)
def test_where_the_stream_is_cut_makes_no_difference(secrets: list[str], pieces: list[str]) -> None:
    assert masked([piece.encode() for piece in pieces], secrets).decode() == mask("".join(pieces), secrets)


@settings(max_examples=100)
@given(st.text(min_size=6), st.text(), st.text(), st.integers(1, 5))
def test_no_value_gets_through(secret: str, before: str, after: str, step: int) -> None:
    text = before + secret + after
    kept = secret.strip()
    data = text.encode("utf-8", "surrogatepass")
    result = masked([data[at : at + step] for at in range(0, len(data), step)], [secret])
    if len(kept) >= 6 and "*" not in kept:
        assert kept.encode("utf-8", "surrogatepass") not in result
        assert kept not in mask(text, [secret])
        assert b"***" in result
    elif len(kept) < 6:
        assert result == data


def test_a_log_has_no_secret_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = JobLog(str(path), 1_000_000, ["secret-value"])
    for byte in b"one secret-value two secret-valu":
        log.write(bytes([byte]))
        assert b"secret-value" not in path.read_bytes()
    assert path.read_bytes() == b"one *** two "
    log.close()
    assert path.read_bytes() == b"one *** two secret-valu"


def test_a_limit_counts_what_is_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = JobLog(str(path), 1000, ["secret-value-of-some-length"])
    for _ in range(50):
        log.write(b"secret-value-of-some-length\n")
    log.close()
    assert path.read_bytes() == b"***\n" * 50
