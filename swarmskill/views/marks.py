"""How things look in text: marks, colours, durations, and text that cannot harm a terminal."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Protocol

from swarmskill.core.budget import dollars
from swarmskill.core.state import TaskState
from swarmskill.model import Outcome, Phase, Usage
from swarmskill.records import dataclass
from swarmskill.views.outcome import tone, word

_MARKS: dict[str, tuple[str, str, str]] = {
    Phase.WAITING: ("·", ".", "dim"),
    Phase.READY: ("○", "o", "dim"),
    Phase.ASSIGNED: ("●", "*", "cyan"),
    Phase.RUNNING: ("●", "*", "cyan"),
    Phase.VALIDATING: ("◆", "?", "cyan"),
    Phase.INTEGRATING: ("▲", "^", "cyan"),
    Outcome.COMPLETED: ("✓", "+", "green"),
    Outcome.FAILED: ("✗", "x", "red"),
    Outcome.REJECTED: ("✗", "x", "red"),
    Outcome.CONFLICTED: ("≠", "!", "red"),
    Outcome.TIMED_OUT: ("✗", "x", "red"),
    Outcome.LOST: ("✗", "x", "red"),
    Outcome.SKIPPED: ("–", "-", "yellow"),
    Outcome.CANCELLED: ("–", "-", "yellow"),
    Outcome.BLOCKED: ("■", "#", "yellow"),
}

_SIGNS = {"…": "...", "━": "=", "─": "-", "│": "|", "├": "|", "└": "`", "·": "-", "–": "-", "•": "*"}

_SIZES = ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"))

_SGR = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)|\x9b[0-?]*[ -/]*[@-~]?"
)


class Stream(Protocol):
    """Where text goes."""

    @property
    def encoding(self) -> str | None:
        """Name of the character set."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""

    def write(self, text: str, /) -> int:
        """Take the text."""

    def flush(self) -> None:
        """Hand it on."""

    def fileno(self) -> int:
        """The file descriptor; raises OSError or ValueError if there is none."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the reader's terminal can show. `width` is in columns; 0 means that lines may be of any length."""

    unicode: bool = True
    colour: bool = False
    width: int = 0
    encoding: str = "utf-8"

    def mark(self, task: TaskState) -> str:
        """One character for where the task is or why it ended."""
        return self.mark_of(word(task) if task.stalled_since else tone(task))

    def mark_of(self, name: str) -> str:
        """One character for a phase or outcome."""
        return _MARKS[name][0 if self.unicode else 1]

    def sign(self, character: str) -> str:
        """A drawing character, or what stands for it in ASCII."""
        return character if self.unicode else _SIGNS.get(character, character)

    def clean(self, text: str) -> str:
        """Foreign text as one line that this terminal can show and that cannot steer it."""
        text = safe(text)
        if self.encoding == "utf-8":
            return text
        return text.encode(self.encoding, "replace").decode(self.encoding)

    def fit(self, text: str, width: int) -> str:
        """Clean text cut to `width` columns, with an ellipsis where something is left out."""
        return shorten(self.clean(text), width, self.sign("…"))

    def paint(self, text: str, style: str) -> str:
        """The text in a colour, if there are any. Styles are the names that `style_of` gives, and "bold"."""
        if not self.colour or not text:
            return text
        return f"\x1b[{_SGR[style]}m{text}\x1b[0m"


PLAIN = Look()
"""For files and pipes: no colours, any width."""


def look_of(stream: Stream, environ: Mapping[str, str], width: int = 0) -> Look:
    """What a stream can show: colours only on a terminal, and not with NO_COLOR or TERM=dumb."""
    import codecs

    encoding = codecs.lookup(stream.encoding or "ascii").name
    colour = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"
    return Look(unicode=encoding.startswith("utf"), colour=colour, width=width, encoding=encoding)


def style_of(task: TaskState) -> str:
    """The colour of a task's mark."""
    return "yellow" if task.stalled_since else _MARKS[tone(task)][2]


def safe(text: str) -> str:
    """One line without anything that steers a terminal or turns the direction of writing.

    Escape sequences vanish, white space becomes a blank, other characters that cannot be shown
    become U+FFFD (lone surrogates among them, which could not even be encoded).
    """
    if text.isprintable():
        return text
    text = _ESCAPES.sub("", text)
    shown = (c if c.isprintable() else " " if c.isspace() else "" if _is_format(c) else "�" for c in text)
    return "".join(shown).strip()


def safe_lines(text: str) -> list[str]:
    """The lines of a foreign text, each safe to show, their indentation kept."""
    return [
        " " * (len(line) - len(line.lstrip(" "))) + safe(line.lstrip(" ")) for line in text.expandtabs(4).splitlines()
    ]


def columns(text: str) -> int:
    """How many columns the text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shorten(text: str, width: int, ellipsis: str = "…") -> str:
    """At most `width` columns of the text."""
    if columns(text) <= width:
        return text
    room = width - len(ellipsis)
    if room <= 0:
        return ellipsis[: max(0, width)]
    from rich.cells import set_cell_size

    return set_cell_size(text, room).rstrip() + ellipsis


def pad(text: str, width: int) -> str:
    """The text with blanks up to `width` columns."""
    return text + " " * (width - columns(text))


def duration(seconds: float) -> str:
    """A duration as people say it: "0.4s", "12s", "1m 23s", "2h 05m", "3d 04h"."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def elapsed(seconds: float) -> str:
    """A duration that is still growing: whole seconds, so that it does not flicker."""
    return f"{int(seconds)}s" if seconds < 60 else duration(int(seconds))


def about(seconds: float) -> str:
    """A guessed duration, no more exact than a guess is."""
    if seconds < 55:
        return f"{max(5, round(seconds / 5) * 5)}s"
    if seconds < 3600 * 1.5:
        return f"{round(seconds / 60)}m"
    return f"{seconds / 3600:.1f}h"


def clock(at: float) -> str:
    """The local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def date(at: float) -> str:
    """The local date and time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def short(commit: str) -> str:
    """A commit's name as people write it."""
    return commit[:7]


def amount(tokens: int) -> str:
    """A number of tokens: "950", "12k", "1.3M"."""
    if tokens < 1000:
        return str(tokens)
    return f"{tokens / 1000:.0f}k" if tokens < 999_500 else f"{tokens / 1_000_000:.1f}M"


def size_text(size: int) -> str:
    """An amount of memory: "512 MiB", "1.5 GiB"."""
    power, unit = next((one for one in _SIZES if size >= 1 << one[0]), (0, "bytes"))
    return f"{size / (1 << power):.4g} {unit}"


def money(usd: float) -> str:
    """A cost in US dollars."""
    return dollars(usd) if usd < 100 else f"${usd:.0f}"


def count(number: int, noun: str) -> str:
    """A number and its noun: "1 task", "2 tasks"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: list[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _is_format(character: str) -> bool:
    import unicodedata

    return unicodedata.category(character) == "Cf"


def usage_text(usage: Usage) -> str:
    """Tokens and cost, `12k tokens, ~$0.31`."""
    return ", ".join(filter(None, (f"{amount(usage.tokens)} tokens", cost_text(usage))))


def cost_text(usage: Usage) -> str:
    """The cost; "~" marks an estimate. "" where nobody can tell."""
    if usage.cost_usd is None:
        return ""
    return ("~" if usage.estimated else "") + money(usage.cost_usd)
