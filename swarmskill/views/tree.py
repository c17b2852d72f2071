"""The text of `swarm tree`: the task graph as an indented tree."""

from __future__ import annotations

from collections.abc import Iterator

from swarmskill.core.graph import Graph, natural
from swarmskill.core.state import State
from swarmskill.model import Outcome, Phase
from swarmskill.views.marks import PLAIN, Look, listed, style_of
from swarmskill.views.outcome import word

_DEEPEST = 12
"""Levels that are drawn; deeper ones are numbered instead, so that a long chain stays readable."""


def tree_text(state: State, *, look: Look = PLAIN) -> str:
    """Each task once, below the blocker that comes last; its other blockers are named beside it."""
    lines = [_line(state, rank, level, guides, look) for rank, level, guides in _walk(state.graph)]
    return "\n".join([state.run_id, *lines]) + "\n"


def _line(state: State, rank: int, level: int, guides: tuple[bool, ...], look: Look) -> str:
    spec = state.graph.tasks[rank]
    task = state.tasks[spec.id]
    above = _place(state.graph, rank)
    others = [look.clean(b) for b in dict.fromkeys(spec.blocked_by) if state.graph.rank[b] != above]
    after = f" (also after {listed(others)})" if others else ""
    plain = task.standing is Outcome.COMPLETED or task.phase is Phase.WAITING
    said = "" if plain else f"  {word(task).replace('_', ' ')}"
    before = _guides(level, guides, look)
    text = f"{look.clean(spec.id)}  {look.clean(spec.subject)}{after}{said}"
    if look.width:
        text = look.fit(text, look.width - len(before) - 2)
    return f"{look.paint(before, 'dim')}{look.paint(look.mark(task), style_of(task))} {text}"


def _guides(level: int, guides: tuple[bool, ...], look: Look) -> str:
    """The lines that lead to a task; each guide tells whether more comes on that level."""
    if not level:
        return ""
    if level > _DEEPEST:
        return f"{look.sign('…')} level {level + 1}: "
    bar, tee, corner, dash = (look.sign(sign) for sign in "│├└─")
    lead = "".join(f"{bar}  " if more else "   " for more in guides[:-1])
    return lead + (tee if guides[-1] else corner) + dash + " "


def _walk(graph: Graph) -> Iterator[tuple[int, int, tuple[bool, ...]]]:
    """All ranks, each after the one that it is placed below, with its level and the guides of the levels."""
    below: dict[int | None, list[int]] = {}
    for rank in range(len(graph.tasks)):
        below.setdefault(_place(graph, rank), []).append(rank)
    for ranks in below.values():
        ranks.sort(key=lambda rank: natural(graph.tasks[rank].id))
    left: list[tuple[int, int, tuple[bool, ...]]] = [(rank, 0, ()) for rank in reversed(below.get(None, []))]
    while left:
        rank, level, guides = left.pop()
        yield rank, level, guides
        children = below.get(rank, [])
        for child in reversed(children):
            # guides past the deepest drawn level are not kept: a chain of 10 000 would copy 50 million
            longer = (*guides, child != children[-1]) if level < _DEEPEST else ()
            left.append((child, level + 1, longer))


def _place(graph: Graph, rank: int) -> int | None:
    """The blocker below which a task is shown: the one of the last generation."""
    return max(graph.blockers[rank], key=lambda b: (graph.generation[b], -b), default=None)
