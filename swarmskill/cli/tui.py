"""`swarm status --watch` with keys. The only user of Textual; what it shows is the live tree's board."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Log, Static

from swarmskill.cli.feed import Feed
from swarmskill.cli.options import Recalled, recall
from swarmskill.errors import SwarmError
from swarmskill.places import attempt_key
from swarmskill.views.board import Board, Row
from swarmskill.views.follow import LineTail
from swarmskill.views.marks import Look, clock, look_of, safe
from swarmskill.views.plain import change_lines, format_line

if TYPE_CHECKING:
    from textual.events import Key, Resize

_FRAME = 0.25
_HELD_EVERY = 1.0
"""Seconds between two looks whether anybody is still at work on the run."""

_LAST_WORDS = 3
_KEYS = "j/k select   enter log   s stop   K kill   r retry   q leave   ? help"
_SHORT_KEYS = "j/k  enter log  s stop  K kill  r retry  q leave  ?"
_HELP = """\
j k     select a task
enter   its worker's log; esc comes back
s       stop: what runs ends, nothing starts
K       kill all workers, also of runs below
r       try the selected task again
q       leave; the run goes on
?       this help

Stopped or killed, it goes on: swarm resume"""
"""Narrow: it has to fit 60 columns with its frame."""


def show_run(recalled: Recalled) -> None:
    """Show a run, and take keys, until it is over or the reader leaves."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)  # Textual believes them, and would never hear of another size
    look = replace(look_of(sys.stdout, os.environ), colour=True)
    _RunApp(recalled, look).run()


class _Ask(ModalScreen[bool]):
    """A question that `y` answers with yes, and every other key with no."""

    CSS = """
    _Ask { align: center middle; }
    _Ask Static { width: auto; max-width: 90%; height: auto; padding: 1 2; border: round $warning; }
    _Ask Static { background: $surface; }
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question
        self._answered = False

    def compose(self) -> ComposeResult:
        yield Static(Text(self._question))

    def on_key(self, event: Key) -> None:
        event.stop()
        if not self._answered:  # keys that were pressed in haste come before the screen is gone
            self._answered = True
            self.dismiss(event.key in ("y", "Y"))


class _LogScreen(Screen[None]):
    """What a worker prints."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "app.pop_screen", "back"),
        Binding("j,down", "scroll(1)"),
        Binding("k,up", "scroll(-1)"),
    ]

    def __init__(self, title: str, path: Path) -> None:
        super().__init__()
        self._title = title
        self._tail = LineTail(path)

    def compose(self) -> ComposeResult:
        yield Static(Text(self._title, "bold", no_wrap=True), classes="line")
        yield Log(max_lines=5000)
        yield Static(Text("j/k scroll   esc back", "dim"), classes="line")

    def on_mount(self) -> None:
        self.query_one(Log).can_focus = False
        self._read()
        self.set_interval(_FRAME, self._read)

    def action_scroll(self, lines: int) -> None:
        log = self.query_one(Log)
        log.auto_scroll = False
        log.scroll_relative(y=lines, animate=False)
        log.auto_scroll = log.is_vertical_scroll_end

    def _read(self) -> None:
        self.query_one(Log).write_lines([safe(line) for line in self._tail.lines()])


class _RunApp(App[None]):
    """The board, what happened last, and the keys."""

    CSS = """
    Screen { layout: vertical; background: ansi_default; }
    #board { height: 1fr; }
    .line { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    #words { height: auto; max-height: 3; color: $text-muted; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)"),
        Binding("k,up", "move(-1)"),
        Binding("enter", "log"),
        Binding("s", "stop"),
        Binding("K", "kill"),
        Binding("r", "retry"),
        Binding("q,ctrl+c", "quit"),
        Binding("question_mark", "explain"),
    ]

    def __init__(self, recalled: Recalled, look: Look) -> None:
        super().__init__(ansi_color=True)
        self._run_id = recalled.folder.run_id
        self._folder = recalled.folder
        self._look = look
        self._feed = Feed(recalled)
        self._board = Board(look)
        self._board.follow(recalled.state)
        self._rows: list[Row] = []
        self._selected = ""
        self._looked = time.monotonic()
        self._words: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(id="board")
            yield Static(id="words")
            yield Static(Text(_KEYS, "dim"), classes="line", id="keys")

    def on_mount(self) -> None:
        self._frame()
        self.set_interval(_FRAME, self._frame)

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def _frame(self) -> None:
        for before, event, state in self._feed.poll():
            for word, rest in change_lines(before, event, state):
                self._say(f"{clock(event.at)} {format_line((word, rest), self._look)}")
            self._board.follow(state)
        self._board.update(self._feed.state, self._feed.progress(), time.time())
        self._draw()
        if time.monotonic() - self._looked >= _HELD_EVERY:
            self._looked = time.monotonic()
            if not recall(self._run_id).tended:
                self.exit()

    def _draw(self) -> None:
        words = Text("\n").join(Text(self._look.fit(word, self.size.width - 1)) for word in self._words)
        self.screen_stack[0].query_one("#words", Static).update(words)
        keys = _KEYS if self.size.width > len(_KEYS) else _SHORT_KEYS
        self.screen_stack[0].query_one("#keys", Static).update(Text(keys, "dim"))
        room = self.size.height - len(self._words) - 1
        self._rows = self._board.rows(self.size.width, max(1, room))
        tasks = [row.task for row in self._rows if row.task]
        if self._selected not in tasks:
            self._selected = tasks[0] if tasks else ""
        lines = [_marked(row, chosen=bool(row.task) and row.task == self._selected) for row in self._rows]
        self.screen_stack[0].query_one("#board", Static).update(Text("\n").join(lines))

    def _say(self, word: str) -> None:
        self._words = [*self._words, word][-_LAST_WORDS:]

    def action_move(self, by: int) -> None:
        tasks = [row.task for row in self._rows if row.task]
        if tasks:
            place = tasks.index(self._selected) + by if self._selected in tasks else 0
            self._selected = tasks[max(0, min(len(tasks) - 1, place))]
            self._draw()

    def action_log(self) -> None:
        if not self._selected:
            return
        attempt = self._feed.state.tasks[self._selected].attempt
        path = self._folder.log(attempt_key(self._selected, attempt))
        again = f"swarm logs {shlex.quote(self._selected)} --attempt {attempt} --run {self._run_id}"
        title = self._look.clean(f"task {self._selected}, attempt {attempt}    {again}")
        self.push_screen(_LogScreen(title, path))

    def action_explain(self) -> None:
        self.push_screen(_Ask(_HELP))

    def action_stop(self) -> None:
        self._steer(lambda: self._stop(force=False))

    def action_kill(self) -> None:
        busy = self._feed.state.busy.bit_count()
        question = f"Kill {busy} workers of run {self._run_id}, and the runs that they started? y/n"
        self.push_screen(_Ask(question), lambda yes: self._steer(lambda: self._stop(force=True)) if yes else None)

    def action_retry(self) -> None:
        task = self._selected
        if task:
            self._steer(lambda: self._retry(task))

    def _steer(self, act: Callable[[], str]) -> None:
        """Off the thread that draws: reading a family of runs takes its time."""

        def work() -> None:
            try:
                said = act()
            except SwarmError as error:
                said = f"{error.message}; {error.hint}" if error.hint else error.message
            self.call_from_thread(self._tell, said)

        self.run_worker(work, thread=True, exit_on_error=False)

    def _tell(self, said: str) -> None:
        self._say(f"{clock(time.time())} {said}")
        self._draw()

    def _stop(self, *, force: bool) -> str:
        from swarmskill.cli.steer import stop_run

        said, below = stop_run(recall(self._run_id), now=force, force=force)
        return f"{said}; passed on to {', '.join(below)}" if below else said

    def _retry(self, task: str) -> str:
        from swarmskill.cli.steer import retry_task

        return retry_task(recall(self._run_id), task) or f"nobody is at work on the run: swarm resume {self._run_id}"


def _marked(row: Row, *, chosen: bool) -> Text:
    line = row.text.copy()
    if chosen:
        line = Text(">", "bold").append_text(line[1:])
        line.stylize("bold")
    return line
