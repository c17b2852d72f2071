"""The application: pages, documents, streams and actions behind one guard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from swarmskill import __version__
from swarmskill.calls import call_verb
from swarmskill.codec import dump_json
from swarmskill.errors import SwarmError
from swarmskill.views.page.html import asset, frame_html, runs_html
from swarmskill.web.access import Access
from swarmskill.web.guard import Guard, may_act
from swarmskill.web.operations import OPERATIONS, openapi_document
from swarmskill.web.shelf import Shelf
from swarmskill.web.streaming import Streams

_ASSETS = {"style.css": "text/css", "live.js": "text/javascript"}


def build_app(top: Path, common_dir: Path, access: Access, stopping: asyncio.Event) -> Starlette:
    """The application for one repository. Streams end when `stopping` is set."""
    handlers = Handlers(Shelf(top, common_dir), access, stopping)
    api = [
        Route(_typed(one.path), getattr(handlers, one.name), methods=[one.method], name=one.name) for one in OPERATIONS
    ]
    pages = [
        Route("/", handlers.home),
        Route("/runs/{run}", handlers.page),
        Route("/runs/{run}/live", handlers.live),
        Route("/runs/{run}/report", handlers.report),
        Route("/static/{name}", _static),
        Route("/openapi.json", _openapi),
    ]
    guard = Middleware(Guard, access=access)
    return Starlette(routes=[*pages, *api], middleware=[guard], exception_handlers={404: _missing, 405: _missing})


class Handlers:
    """One method for each operation and page. Those that are no coroutines run in threads."""

    def __init__(self, shelf: Shelf, access: Access, stopping: asyncio.Event) -> None:
        self._shelf = shelf
        self._access = access
        self._streams = Streams(shelf, stopping)

    def list_runs(self, request: Request) -> Response:
        """`GET /api/runs`."""
        return _json(self._shelf.runs())

    def read_run(self, request: Request) -> Response:
        """`GET /api/runs/{run}`."""
        return self._about(request, lambda run: _json(self._shelf.run(run)))

    def read_tree(self, request: Request) -> Response:
        """`GET /api/runs/{run}/tree`."""
        return self._about(request, lambda run: _json(self._shelf.tree(run)))

    async def follow_events(self, request: Request) -> Response:
        """`GET /api/runs/{run}/events`."""
        after = request.headers.get("last-event-id") or request.query_params.get("after", "")
        stay = request.query_params.get("stay") == "true"
        try:
            tail = await self._streams.begin(request.path_params["run"], after)
        except KeyError:
            return _no_run(request)
        except ValueError as error:
            return _error(400, "event_id", str(error))
        content = self._streams.follow(tail, stay=stay)
        return StreamingResponse(content, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def stop_run(self, request: Request) -> Response:
        """`POST /api/runs/{run}/stop`."""
        return self._call(request, "stop", request.path_params["run"])

    def kill_tree(self, request: Request) -> Response:
        """`POST /api/runs/{run}/kill-tree`."""
        return self._call(request, "kill", request.path_params["run"])

    def retry_task(self, request: Request) -> Response:
        """`POST /api/runs/{run}/tasks/{task}/retry`."""
        run, task = request.path_params["run"], request.path_params["task"]
        return self._call(request, "retry", "--run", run, "--detach", "--", task)

    def home(self, request: Request) -> Response:
        """The list of runs."""
        return _html(runs_html(self._shelf.runs()["runs"]))

    def page(self, request: Request) -> Response:
        """A run's live page."""
        act = may_act(self._access, request)
        return self._about(request, lambda run: _html(frame_html(self._shelf.folder(run).run_id, may_act=act)))

    def live(self, request: Request) -> Response:
        """The part of it that changes."""
        return self._about(request, lambda run: _html(self._shelf.live(run)))

    def report(self, request: Request) -> Response:
        """A run's report, which needs nothing but itself."""
        return self._about(request, lambda run: _html(self._shelf.report(run)))

    def _about(self, request: Request, answer: Callable[[str], Response]) -> Response:
        try:
            return answer(request.path_params["run"])
        except KeyError:
            return _no_run(request)

    def _call(self, request: Request, *words: str) -> Response:
        """Let a verb do it, in a process of its own: it has signals, locks and a working folder for itself."""
        try:
            self._shelf.folder(request.path_params["run"])
            return _json(call_verb(words, self._shelf.top))
        except KeyError:
            return _no_run(request)
        except SwarmError as error:
            return _error(409, error.code, error.message, error.hint)


def _typed(path: str) -> str:
    """Task ids may hold slashes."""
    return path.replace("{task}", "{task:path}")


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _ASSETS:
        return _error(404, "not_found", "there is no such page")
    return Response(asset(name), media_type=_ASSETS[name])


def _openapi(request: Request) -> Response:
    return _json(openapi_document(__version__))


def _json(document: object) -> Response:
    return Response(dump_json(document), media_type="application/json")


def _html(content: bytes) -> Response:
    return Response(content, media_type="text/html")


def _error(status: int, code: str, message: str, hint: str = "") -> Response:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)


def _no_run(request: Request) -> Response:
    return _error(404, "no_run", f"this repository has no run {request.path_params['run']!r}", "swarm runs")


def _missing(request: Request, error: Exception) -> Response:
    return _error(getattr(error, "status_code", 404), "not_found", "there is nothing here; see /openapi.json")
