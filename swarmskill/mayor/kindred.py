"""A run with all the runs that its workers started, as views show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from swarmskill.backends.host import HOSTED
from swarmskill.core.events import Event
from swarmskill.core.state import State
from swarmskill.lineage import Kin, Relative, family, read_origin, read_relative
from swarmskill.places import RunFolder
from swarmskill.views.kinship import Family


def family_of(folder: RunFolder, events: Sequence[Event], state: State, *, held: bool) -> Family:
    """The family of a run that was read already. `held` tells whether anybody is at work on it.

    A descendant whose ledger cannot be read says so in `Relative.trouble`.
    """
    top = Relative(Kin(folder, origin=read_origin(folder)), tuple(events), state, held)
    return Family.of((top, *(_tended(read_relative(kin)) for kin in family(folder)[1:])))


def _tended(one: Relative) -> Relative:
    if one.state.config.backend not in HOSTED:
        return one
    from swarmskill.mayor.assistant import is_tended  # most families have no use for it, and it takes its time

    return replace(one, held=is_tended(one.folder, one.state, held=one.held))
