"""What can be asked of the server: one table, from which the routes and their description are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from swarmskill.records import dataclass

Schema = Mapping[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "number"}
_COUNT: Final[Schema] = {"type": "integer"}
_ANY: Final[Schema] = {"type": "object"}


def _maybe(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


@dataclass(frozen=True, slots=True)
class Operation:
    """One request. `name` is also that of its handler, `schema` what it answers, None for what is no JSON."""

    name: str
    method: str
    path: str
    summary: str
    schema: Schema | None
    media: str = "application/json"
    query: tuple[tuple[str, str], ...] = ()
    failures: tuple[int, ...] = ()


ERROR: Final = _object(error=_object(code=_TEXT, message=_TEXT, hint=_TEXT))

_RUN: Final = _object(run_id=_TEXT, outcome=_maybe("string"))
_DONE: Final = _object(run_id=_TEXT)
_TASK: Final = _object(
    id=_TEXT,
    subject=_TEXT,
    phase=_TEXT,
    outcome=_maybe("string"),
    attempts=_COUNT,
    agent=_maybe("string"),
    model=_maybe("string"),
    commit=_maybe("string"),
    cost_usd=_maybe("number"),
    tokens=_maybe("integer"),
    seconds=_maybe("number"),
    detail=_TEXT,
)
_WHOLE_RUN: Final = _object(
    run_id=_TEXT,
    outcome=_TEXT,
    branch=_TEXT,
    base=_maybe("string"),
    head=_maybe("string"),
    landed=_maybe("string"),
    tasks=_list(_TASK),
    cost_usd=_maybe("number"),
    tokens=_maybe("integer"),
    seconds=_NUMBER,
    stop_reason=_maybe("string"),
)
_NODE: Final = _object(
    id=_TEXT, subject=_TEXT, phase=_TEXT, outcome=_maybe("string"), blocked_by=_list(_TEXT), blocks=_list(_TEXT)
)
_USAGE: Final = _object(tokens=_COUNT, cost_usd=_maybe("number"), cost_estimated={"type": "boolean"})
_RELATIVE: Final = _object(
    run_id=_TEXT,
    level=_COUNT,
    parent={"anyOf": [{"type": "null"}, _object(run_id=_TEXT, task=_TEXT, attempt=_COUNT)]},
    outcome=_TEXT,
    seconds=_NUMBER,
    tasks=_COUNT,
    counts=_ANY,
    used=_USAGE,
)
_TREE: Final = _object(run_id=_TEXT, outcome=_TEXT, tasks=_list(_NODE), runs=_list(_RELATIVE), total=_USAGE)

_ONE: Final = "/api/runs/{run}"

OPERATIONS: Final = (
    Operation("list_runs", "GET", "/api/runs", "All runs of the repository, newest first", _object(runs=_list(_RUN))),
    Operation("read_run", "GET", _ONE, "One run: outcome, tasks, cost", _WHOLE_RUN, failures=(404,)),
    Operation(
        "read_tree", "GET", f"{_ONE}/tree", "The run's tasks, and the runs that its workers started", _TREE,
        failures=(404,),
    ),
    Operation(
        "follow_events", "GET", f"{_ONE}/events",
        "The events of the run and of all its descendants as server-sent events, to the end of the run",
        None, media="text/event-stream", failures=(400, 404),
        query=(
            ("after", "the id after which to go on, as the header Last-Event-ID; `end` for what comes from now on"),
            ("stay", "`true` to stay when the run is over: somebody may resume it"),
        ),
    ),
    Operation(
        "stop_run", "POST", f"{_ONE}/stop", "Stop the run and its descendants at the next boundary", _DONE,
        failures=(401, 404, 409),
    ),
    Operation(
        "kill_tree", "POST", f"{_ONE}/kill-tree", "Kill the workers of the run and of its descendants", _DONE,
        failures=(401, 404, 409),
    ),
    Operation(
        "retry_task", "POST", f"{_ONE}/tasks/{{task}}/retry", "Try an ended task again", _DONE,
        failures=(401, 404, 409),
    ),
)  # fmt: skip
"""All that programs can ask."""

_MEANINGS: Final = {
    400: "the event id cannot be read",
    401: "the token is missing or wrong",
    403: "another host's name, or another site's page",
    404: "this repository has no such run",
    409: "that cannot be done with the run as it is",
}


def openapi_document(version: str) -> dict[str, Any]:
    """The description of OPERATIONS in the form of OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "swarm serve", "version": version},
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    body = {operation.media: {"schema": operation.schema or {"type": "string"}}}
    failures = {
        str(status): {
            "description": _MEANINGS[status],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status in sorted({*operation.failures, 403})
    }
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation)],
        "responses": {"200": {"description": operation.summary, "content": body}, **failures},
        # Reading needs the token only where other machines can reach the server.
        "security": [{"token": []}] if operation.method == "POST" else [{}, {"token": []}],
    }


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "query", "required": False, "description": text, "schema": _TEXT}
        for name, text in operation.query
    ]
    if operation.media == "text/event-stream":
        found.append({"name": "Last-Event-ID", "in": "header", "required": False, "schema": _TEXT})
    return found
