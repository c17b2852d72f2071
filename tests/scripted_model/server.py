"""The server: a thread for each connection, a journal of what was asked, faults that a test sets.

`address.py` tells what else can stand in an address.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from tests.scripted_model import anthropic, chat, gemini, responses
from tests.scripted_model.address import Address
from tests.scripted_model.conversation import MIDDLE, Conversation, Dialect, Event, Json, Reply, Role, Say, token
from tests.scripted_model.faults import DROP, HANG, REFUSED, Fault, Faults
from tests.scripted_model.journal import Journal, Request
from tests.scripted_model.play import play

_MODELS: Final = ("claude-opus-4-8", "claude-sonnet-5", "claude-haiku-4-5", "gpt-5.5", "gpt-5.5-codex", "fake-model")


class ScriptedModel:
    """A running server, as a context manager. `folder` keeps every request as a file, if it is given."""

    def __init__(self, folder: Path | None = None, port: int = 0) -> None:
        self._journal = Journal(folder)
        self._faults = Faults()
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self.errors: list[Exception] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.model = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self.errors and kind is None:
            raise ExceptionGroup("the scripted model itself went wrong", self.errors)

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base address, without a slash at its end. Most programs want `/v1` behind it."""
        return f"http://127.0.0.1:{self.port}"

    def at(self, label: str) -> str:
        """The base address for requests that are kept under a label."""
        return f"{self.url}/L/{label}"

    def requests(self, label: str | None = None) -> list[Request]:
        """What was asked under a label, or at all, in order."""
        return self._journal.requests(label)

    def await_requests(self, count: int, label: str | None = None, timeout: float = 30.0) -> list[Request]:
        """Wait until that many asked for a turn of the model. Raises TimeoutError after `timeout` seconds."""
        return self._journal.await_requests(count, label, timeout)

    def fail(self, fault: Fault, label: str = "*") -> None:
        """Let the turns that are asked for under a label fail from now on, or all turns."""
        with self._lock:
            self._faults.set(label, fault)

    def heal(self, label: str = "*") -> None:
        """Undo `fail` for the same label."""
        with self._lock:
            self._faults.clear(label)

    def keep(self, label: str, handler: BaseHTTPRequestHandler, body: Any) -> Request:
        """Keep a request."""
        return self._journal.keep(label, handler.command, handler.path, dict(handler.headers), body)

    def fault(self, address: Address) -> Fault | None:
        """What lets this turn fail, if anything does: what was set, or else what the address says."""
        with self._lock:
            if found := self._faults.strike(address.label):
                return found
            told = address.fault
            return told if told and self._faults.due(told, ("address", address.label, told.what)) else None

    def first_due(self, faults: tuple[Fault, ...], label: str, conversation: Conversation) -> Fault | None:
        """The fault of a script that strikes. The same conversation sent again is a retry of the same turn."""
        said = "\0".join(turn.text for turn in conversation.turns if turn.role is not Role.SYSTEM)
        key = ("script", label, hashlib.sha256(said.encode()).digest())
        with self._lock:
            due = (fault for number, fault in enumerate(faults) if self._faults.due(fault, (*key, number)))
            return next(due, None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    model: ScriptedModel

    def handle_error(self, request: object, client_address: object) -> None:
        """Agents are killed in the middle of answers, so a connection that ends is nothing. All else is ours."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, ConnectionError | TimeoutError):
            self.model.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the journal has it."""

    def do_GET(self) -> None:
        address = Address.parse(self.path)
        path = address.path
        self.server.model.keep(address.label, self, None)
        if path.endswith("/models"):
            return self._json(200, _models())
        return self._json(404, _no_path(path))

    do_HEAD = do_PUT = do_DELETE = do_PATCH = do_GET

    def do_POST(self) -> None:
        model = self.server.model
        raw = self._body()
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw.decode("utf-8", "replace")
        address = Address.parse(self.path)
        path = address.path
        model.keep(address.label, self, body)
        if path.endswith("/count_tokens"):
            return self._json(200, {"input_tokens": 1000})
        if path.endswith(":countTokens"):
            return self._json(200, {"totalTokens": 1000})
        dialect = _dialect(path)
        if dialect is None or not isinstance(body, dict):
            return self._json(404, _no_path(path))
        if fault := model.fault(address):
            return self._fail(dialect, body, path, fault)
        return self._answer(dialect, body, path, address.label)

    def _answer(self, dialect: Dialect, body: Json, path: str, label: str) -> None:
        model = self.server.model
        conversation = dialect.read(body)
        try:
            turning = play(conversation)
        except (KeyError, TypeError, ValueError, re.error) as error:
            return self._fail(dialect, body, path, Fault(400, message=f"the script is wrong: {error}"))
        model.closing.wait(turning.wait)
        if fault := model.first_due(turning.faults, label, conversation):
            return self._fail(dialect, body, path, fault)
        return self._reply(dialect, body, path, turning.reply)

    def _reply(self, dialect: Dialect, body: Json, path: str, reply: Reply) -> None:
        if body.get("stream") or ":stream" in path:
            return self._stream(dialect.stream(body, reply), reply)
        return self._json(200, dialect.document(body, reply))

    def _fail(self, dialect: Dialect, body: Json, path: str, fault: Fault) -> None:
        if fault.what == HANG:
            self.server.model.closing.wait()
        if fault.what in (HANG, DROP):
            return self._drop()
        if fault.what == REFUSED:
            return self._reply(dialect, body, path, Reply((Say(fault.message),), refused=True))
        if events := dialect.stream_error(body, fault):
            return self._stream(events, Reply(()))
        return self._json(fault.status, dialect.error(fault), fault.all_headers())

    def _stream(self, events: Iterator[Event], reply: Reply) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("request-id", token("req_"))
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            if event is not MIDDLE:
                self.wfile.write(event.encode())
                self.wfile.flush()
                continue
            if reply.stall:
                self.server.model.closing.wait(reply.stall)
                reply = replace(reply, stall=0.0)
            if reply.cut:
                return self._drop()
        return None

    def _json(self, status: int, document: Json, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        made = {"content-type": "application/json", "content-length": str(len(data)), "request-id": token("req_")}
        for name, value in {**made, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):  # the other side may have been quicker
            self.connection.shutdown(socket.SHUT_RDWR)

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("transfer-encoding") or ""):
            raw = b"".join(iter(self._chunk, b""))
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        return gzip.decompress(raw) if self.headers.get("content-encoding") == "gzip" else raw

    def _chunk(self) -> bytes:
        length = int(self.rfile.readline().partition(b";")[0], 16)
        data = self.rfile.read(length)
        self.rfile.readline()
        return data


def _dialect(path: str) -> Dialect | None:
    if path.endswith("/messages"):
        return anthropic
    if path.endswith("/responses"):
        return responses
    if path.endswith("/chat/completions"):
        return chat
    return gemini if "enerateContent" in path else None


def _models() -> Json:
    listed = [
        {"id": name, "object": "model", "type": "model", "display_name": name, "created": 1, "owned_by": "scripted"}
        for name in _MODELS
    ]
    ends = {"has_more": False, "first_id": _MODELS[0], "last_id": _MODELS[-1]}
    return {"object": "list", "data": listed, "models": [], **ends}


def _no_path(path: str) -> Json:
    return {"type": "error", "error": {"type": "not_found_error", "message": f"no such path: {path}"}}
