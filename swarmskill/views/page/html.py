"""The view model as HTML. The only module that knows Jinja2, which escapes all that templates show."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarmskill.views.marks import count, duration
from swarmskill.views.page.shapes import Page

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def report_html(page: Page) -> bytes:
    """One page that needs nothing but itself: no network, and no script to be read.

    Its policy lets nothing run or load that is not ours, whatever the foreign text in it would like.
    """
    style, script = asset("style.css"), asset("fold.js")
    policy = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'"
    return _render("report.html", page=page, style=style, script=script, policy=policy)


def live_html(page: Page) -> bytes:
    """The part of a run's live page that changes."""
    return _render("live.html", page=page)


def frame_html(run_id: str, *, may_act: bool) -> bytes:
    """A run's live page around the part that changes; it has buttons if the reader `may_act`."""
    return _render("frame.html", run_id=run_id, may_act=may_act)


def runs_html(runs: list[dict[str, Any]]) -> bytes:
    """The list of runs, as `run_json.runs_document` tells them."""
    return _render("runs.html", runs=runs)


def asset(name: str) -> str:
    """A file beside the templates."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _render(template: str, **values: Any) -> bytes:
    # Half characters of file names that are no UTF-8 cannot be written; they show as what they are not.
    return _environment().get_template(template).render(**values).encode("utf-8", "replace")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = count
    environment.filters["duration"] = duration
    return environment


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
