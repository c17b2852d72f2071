"""Names for runs: short, sortable by time, easy to say."""

from __future__ import annotations

import secrets
import time
from typing import Final

_ADJECTIVES: Final = (
    "able amber brave brisk calm clear clever cool eager early even fair fast fine firm fond free fresh "
    "glad gold good grand green handy happy hardy keen kind late light lively lucky merry mild neat new "
    "nimble noble open pale plain proud quick quiet rapid ready rosy royal sharp shiny silver sound "
    "spry steady still sunny swift tidy true warm wide wise witty young"
).split()
_ANIMALS: Final = (
    "ant badger bat bear beaver bee bison boar cat colt crab crane crow deer dingo dove duck eagle eel elk "
    "falcon fawn finch fox frog gecko goat goose hare hawk heron horse ibis jay kite koala lark lemur lion "
    "llama lynx mink mole moose moth mouse newt otter owl panda pike puma quail rabbit raven robin seal "
    "shrew sloth snail swan tiger toad trout vole whale wolf wren yak zebra"
).split()


_TRIES: Final = 10
_LATEST: Final = 3


def new_run_id(now: float, last: str = "") -> str:
    """An id such as `20261121-140233-brave-otter`; `now` is in seconds since the epoch, shown in local time.

    It sorts behind `last`, the newest one there is, also when that is of the same second. (Not if that is
    of a later time, by a clock that was set back.)
    """
    for seconds in range(_LATEST):
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now + seconds))
        for _ in range(_TRIES):
            run_id = f"{stamp}-{secrets.choice(_ADJECTIVES)}-{secrets.choice(_ANIMALS)}"
            if run_id > last:
                return run_id
    return run_id
