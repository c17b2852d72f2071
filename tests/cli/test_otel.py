"""Spans of a real run, taken by a real receiver; and receivers that are of no use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.cli.conftest import User, task, writes


class Receiver(ThreadingHTTPServer):
    """Takes OTLP over HTTP, and keeps what came."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.paths: list[str] = []
        self.tokens: list[str | None] = []
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        import gzip

        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        self.server.paths.append(self.path)
        self.server.tokens.append(self.headers.get("X-Key"))
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=[200])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    with Receiver(request.param) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_run_is_sent_where_the_settings_say(user: User, receiver: Receiver) -> None:
    user.write("swarm.toml", f'[otel]\nendpoint = "{receiver.url}"\nservice = "mine"\n')
    tasks = user.tasks(task("a", writes("a.md"), validation={"command": "test -e a.md"}))
    said = user.swarm("run", tasks, OTEL_EXPORTER_OTLP_HEADERS="x-key=k1")
    assert (said.code, said.err) == (0, "")
    assert (receiver.paths, receiver.tokens) == (["/v1/traces"], ["k1"])
    (resource,) = receiver.requests[0].resource_spans
    assert any(one.key == "service.name" and one.value.string_value == "mine" for one in resource.resource.attributes)
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert set(spans) == {
        "swarm run",
        "task a",
        "invoke_agent command",
        "worker",
        "validate",
        "check command",
        "integrate",
    }
    assert spans["check command"].parent_span_id == spans["validate"].span_id
    assert spans["swarm run"].parent_span_id == b""
    assert 0 < spans["worker"].end_time_unix_nano - spans["worker"].start_time_unix_nano < 60e9


def test_the_usual_variable_is_enough_and_nothing_is_sent_without(user: User, receiver: Receiver) -> None:
    assert user.swarm("run", user.tasks(task("a", writes("a.md")))).code == 0
    assert receiver.requests == []
    assert user.swarm("run", user.tasks(task("b", writes("b.md"))), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url).code == 0
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("receiver", [400], indirect=True)
def test_a_receiver_that_refuses_is_said_and_fails_nothing(user: User, receiver: Receiver) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a.md"))), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert said.code == 0
    assert said.out.count("the receiver of OpenTelemetry spans did not take them") == 1
    assert "Traceback" not in said.out + said.err


def test_no_receiver_at_all_fails_nothing(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a.md"))), OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert said.code == 0
    assert "the receiver of OpenTelemetry spans did not take them" in said.out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("otel = 'x'", "wants a table"),
        ("[otel]\nservice = 'x'", "endpoint"),
        ("[otel]\nendpoint = 'host:4318'", "is no address of a receiver"),
        ("[otel]\nendpoint = 'http://me:secret@host'", "is no address of a receiver"),
        ("[otel]\nendpoint = 'http://h'\nheaders = {a = 'b'}", "OTEL_EXPORTER_OTLP_HEADERS"),
    ],
)
def test_settings_that_are_wrong_are_refused(user: User, text: str, problem: str) -> None:
    user.write("swarm.toml", text)
    said = user.swarm("run", user.tasks(task("a", writes("a.md"))))
    assert said.code == 2
    assert problem in said.err
