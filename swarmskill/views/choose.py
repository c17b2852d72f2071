"""Which view fits where the output goes."""

from __future__ import annotations

from collections.abc import Mapping

from swarmskill.views.base import SilentView, View
from swarmskill.views.marks import Stream, look_of
from swarmskill.views.plain import PlainView


def choose_view(stream: Stream, environ: Mapping[str, str], *, silent: bool = False, footer: str = "") -> View:
    """The live tree on a terminal that can move its cursor, plain lines elsewhere, nothing if `silent`.

    `footer` is what the tree says last, of keys.
    """
    if silent:
        return SilentView()
    look = look_of(stream, environ)
    if not stream.isatty() or environ.get("TERM", "dumb") == "dumb":
        return PlainView(stream, look)
    from swarmskill.views.live import LiveView

    return LiveView(stream, look, footer=footer)
