"""What a person sees in a worker's window: its agent's stream, made readable. It can never stop the worker.

Terminals stand still (Ctrl-S), and tmux dies: what they don't take at once waits in a short buffer, and what that does
not hold is left out. Imported after the worker has started, and what reads its agent's stream when that first comes.
"""

from __future__ import annotations

import os
import termios
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swarmskill.agents.base import AgentEvent, Reader
    from swarmskill.model import Usage

_MOST_WAITING = 1 << 18
_MOST_BEGUN = 1 << 22
"""Bytes of one line, beyond which it is no line of an agent's."""

_HELD = 40
_LEFT_OUT = "[swarm: the terminal is too slow; lines were left out here, the log has them]"
_PLAIN = ("", "command")


class WindowView:
    """Shows one job in the terminal behind `file`. No method raises."""

    def __init__(self, file: int, fields: Mapping[str, Any]) -> None:
        self._file = file
        self._agent = str(fields.get("agent", ""))
        self._foreign = bool(fields.get("screen"))
        """Whether the job draws in the terminal itself, until its end: then its last lines are shown."""
        self._held: deque[str] = deque(maxlen=_HELD)
        self._reader: Reader | None = None
        self._unread = False
        """Whether the agent's stream cannot be read, so that it is shown as it is."""
        self._begun = b""
        self._waiting = b""
        self._left_out = False
        self._dead = False
        self._usage: Usage | None = None
        self._model = ""
        _quieten(file)
        os.set_blocking(file, False)
        label = fields.get("label") or fields["name"]
        self._say(f"{self._agent or 'swarm'}: {label}", f"log: {fields['log']}", "")

    @property
    def behind(self) -> bool:
        """Whether something waits for the terminal."""
        return bool(self._waiting) and not self._dead

    def feed(self, output: bytes) -> None:
        """Show more of what the worker printed."""
        if self._dead:
            return
        *whole, self._begun = (self._begun + output).split(b"\n")
        if len(self._begun) > _MOST_BEGUN:
            self._begun = b""
        self._show(whole)

    def flush(self) -> None:
        """Write what the terminal takes now."""
        try:
            while self._waiting and not self._dead:
                self._waiting = self._waiting[os.write(self._file, self._waiting) :]
        except BlockingIOError:
            pass
        except OSError:
            self._dead = True  # the window is gone

    def close(self, end: Mapping[str, Any], patience: float) -> None:
        """Show how the worker ended. Waits for the terminal for `patience` seconds at most."""
        self._show([self._begun] if self._begun else [], exit_code=end["exit_code"])
        self._foreign = False
        self._say(*self._held)
        seconds = end["ended_at"] - end["started_at"]
        how = "" if end["ending"] == "exited" else f" ({end['ending'].replace('_', ' ')})"
        self._say("", f"ended after {seconds:.0f} s: exit {end['exit_code']}{how}{self._used()}")
        give_up = time.monotonic() + patience
        while self.behind and time.monotonic() < give_up:
            time.sleep(0.01)
            self.flush()

    def _show(self, lines: list[bytes], exit_code: int | None = None) -> None:
        try:
            for line in lines:
                self._say(*self._lines(line.decode("utf-8", "replace")))
            if self._reader is not None and exit_code is not None:
                for event in self._reader.close(exit_code):
                    self._say(*self._event_lines(event))
        except Exception as error:  # an adapter of another package's, or no memory: the worker goes on
            self._unread = True
            self._say(f"[swarm: this stream cannot be shown: {error}]")

    def _lines(self, line: str) -> Iterator[str]:
        from swarmskill.agents.text import visible

        if self._agent in _PLAIN or self._unread:
            yield visible(line)
            return
        if self._reader is None:
            from swarmskill.agents.registry import find_agent

            self._reader = find_agent(self._agent).reader()
        events = list(self._reader.read(line))
        for event in events:
            yield from self._event_lines(event)
        if not events and line.strip() and line.lstrip()[0] not in "{[":
            yield visible(line)  # no event: a warning of its runtime, or how it broke

    def _event_lines(self, event: AgentEvent) -> Iterator[str]:
        from swarmskill.agents import base
        from swarmskill.agents.text import one_line, visible

        match event:
            case base.Began(session, model):
                yield one_line(f"session {session} {model}")
            case base.Said(text):
                yield from map(visible, text.strip().split("\n"))
            case base.UsedTool(action):
                yield f"> {action}"
            case base.WasDenied(what):
                yield one_line(f"! denied: {what}", 200)
            case base.Retrying(problem):
                yield one_line(f"~ retrying: {problem.detail or problem.kind}", 200)
            case base.Failed(problem):
                yield one_line(f"! failed: {problem.detail or problem.kind}", 200)
            case base.Spent(usage, model):
                self._usage, self._model = usage, model or self._model

    def _used(self) -> str:
        if self._usage is None or not self._usage.tokens:
            return ""
        from swarmskill.agents.prices import cost_of

        told = self._usage.cost_usd
        price = cost_of(self._usage, self._model, {}) if told is None else told
        cost = "" if price is None else f", {'~' if told is None else ''}${price:.2f}"
        return f"; its session has used {self._usage.tokens:,} tokens{cost}"

    def _say(self, *lines: str) -> None:
        if self._dead:
            return
        if self._foreign:
            self._held += lines
            return
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        if len(self._waiting) + len(data) > _MOST_WAITING:
            self._left_out = True
            return
        if self._left_out:
            data, self._left_out = f"{_LEFT_OUT}\n".encode() + data, False
        self._waiting += data
        self.flush()


def _quieten(file: int) -> None:
    """No echo of what is typed, and no key that stops the output or sends a signal."""
    try:
        attributes = termios.tcgetattr(file)
        attributes[0] &= ~(termios.IXON | termios.IXOFF)
        attributes[3] &= ~(termios.ECHO | termios.ISIG)
        termios.tcsetattr(file, termios.TCSANOW, attributes)
    except (termios.error, OSError):
        pass  # no terminal, or none any more
