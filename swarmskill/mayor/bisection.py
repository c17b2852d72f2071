"""PURE. Which attempts of a batch land and which fail, by as few check runs as that takes.

A check run tells about a stack as a whole. Of a stack that fails, the first half is tried, then the second
on top of what landed; so in the end whatever is refused was tried alone, on what is really there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def bisect(stack: Sequence[T], lands: Callable[[Sequence[T]], bool], *, fails: bool = False) -> bool:
    """Let all of `stack` land that can, in its order; True if all did.

    `lands` tries some of them together on top of what landed before, and says whether they landed; what
    does not land alone is refused. With `fails` it is known that all together do not land. No stack is
    tried twice: n attempts take at most 2n - 1 tries, one guilty among them at most 1 + 2 log2(n).
    """
    alone = len(stack) == 1
    if (alone or not fails) and lands(stack):
        return True
    if alone:
        return False
    middle = (len(stack) + 1) // 2
    first = bisect(stack[:middle], lands)
    # If the first half landed, the second on top of it is what has just failed: not tried whole again. An
    # attempt that is left alone by this is tried all the same: nothing is refused for a failure of others.
    second = bisect(stack[middle:], lands, fails=first)
    return first and second
