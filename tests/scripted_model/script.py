r"""Scripts: what the model is to do, as JSON in the prompt.

    FAKE:[step, step, ...]        anywhere in a user's text, in a Markdown fence too
    FAKE[2]:[step, step, ...]     the same, for attempt 2 of a task only

A step is one turn of the model: a block, or a list of blocks (parallel calls). A block is one of

    {"text": "..."}                            say
    {"think": "..."}                           think
    {"tool": "Bash", "input": {...}}           call a tool
    {"tool_any": ["Agent", "Task"], "input": {...}}   call the first of these that the request offers
    {"custom": "apply_patch", "input": "..."}  call a freeform tool (Codex)
    {"tool_search": {"query": "..."}}          search for tools (Codex)
    {"sh": "git status"}                       run a command with the shell tool that the request offers
    {"write": "a.txt", "content": "..."}       write a file of the worktree with the tool that the request offers
    {"report": {"detail": "...", "artifacts": ["a.txt"]}}  write the result file that our worker's prompt asks for
    {"sleep": 1.5}                             wait before answering
    {"usage": {"input": 1, "cached": 2, "output": 3}}  the tokens of this turn
    {"stall": 60}                              say nothing for so long in the middle of the answer
    {"truncate": true}                         drop the connection in the middle of the answer
    {"refuse": true}                           end the turn by content policy
    {"error": 529, "times": 2, "retry_after": 1}  fail: any `Fault`, with its fields; without `times` for ever
                                               (a step of nothing but errors is a part of the step that follows)

In any of them a value `"$RE:<regex>"` stands for group 1 of the regex's last match in the results of tools so far,
and `"$PROMPT:<regex>"` for group 1 of its last match in what the user said.

Step k is played when k turns of the assistant lie behind the last user's text with a script. A script may hold
another, in the prompt of a sub-agent: the outermost counts. Of several, the last one of the right attempt does.

The attempt is told by the line "You do one task, attempt N" or "# Attempt N" of our worker's prompt. `FAKE[N]` comes before a plain
`FAKE`, which does for all attempts; with neither the model says "ok". A retry that resumes a session may tell the
new attempt and no script: then the steps of the script that was told before count from there.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from tests.scripted_model.conversation import Json, Role, Turn

_OPENING: Final = re.compile(r"FAKE(?:\[(\d+)\])?:\s*(?=[\[{])")
_ATTEMPT: Final = re.compile(r"(?:You do one task, attempt|^# Attempt) (\d+)", re.M)
_DECODER: Final = json.JSONDecoder()


def script(*steps: Json | list[Json], attempt: int | None = None) -> str:
    """The text that makes the model play these steps, for one attempt or for all."""
    number = "" if attempt is None else f"[{attempt}]"
    return f"FAKE{number}:{json.dumps(list(steps))}"


def find(text: str) -> dict[int | None, list[Any]]:
    """The outermost scripts in a text by attempt, None for all. The last of each kind is taken."""
    found: dict[int | None, list[Any]] = {}
    position = 0
    while opening := _OPENING.search(text, position):
        position = opening.end()
        steps, length = _decode(text[position:])
        if steps is not None:
            found[int(opening[1]) if opening[1] else None] = steps if isinstance(steps, list) else [steps]
            position += length
    return found


def _decode(text: str) -> tuple[Any, int]:
    """The JSON value at the start of the text and its length; None if there is none.

    Quoted in the JSON of something else, it is read with one layer of escapes taken off.
    """
    try:
        return _DECODER.raw_decode(text)
    except ValueError:
        pass
    try:
        plain = text.replace('\\"', '"').replace("\\\\", "\\")
        return _DECODER.raw_decode(plain)[0], 0
    except ValueError:
        return None, 0


def choose(turns: tuple[Turn, ...]) -> tuple[list[Any], int] | None:
    """The script to play and the number of the step in it; None if no script is for this attempt."""
    scripts: dict[int | None, list[Any]] = {}
    attempt, since = None, 0
    for index, turn in enumerate(turns):
        if turn.role is not Role.USER:
            continue
        told = _ATTEMPT.findall(turn.text)
        here = find(turn.text)
        if here:
            scripts = here
        if told:
            attempt = int(told[-1])
        if here or told:
            since = index
    steps = scripts.get(attempt, scripts.get(None))
    if steps is None:
        return None
    return steps, sum(turn.role is Role.ASSISTANT for turn in turns[since:])
