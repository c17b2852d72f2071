"""Sends a run's spans. The only module that knows OpenTelemetry. Whatever goes wrong here, the run is as it was."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from swarmskill import __version__
from swarmskill.config import Otel
from swarmskill.core.state import Stage, State
from swarmskill.ledger import read_ledger
from swarmskill.places import RunFolder
from swarmskill.telemetry.spans import Span, run_span, trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PATIENCE = 5
"""Seconds that the receiver gets: a run must not wait for somebody who looks on."""

_BATCH = 2000
"""Spans in one request: receivers refuse what is too large."""


def is_wanted(otel: Otel | None, environment: Mapping[str, str]) -> bool:
    """Whether spans shall be sent: a receiver is named, and nothing turns them off."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return otel is not None or any(environment.get(name) for name in _ENDPOINTS)


def send_run(folder: RunFolder, state: State, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Send the spans of the session that has just ended, if that is wanted. Raises nothing; `say` hears of trouble."""
    otel = state.config.otel
    if state.stage is not Stage.OVER or not is_wanted(otel, environment):
        return
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would write on the screen what we tell anyway
    try:
        span = run_span(state, read_ledger(folder.ledger).events)
        if not export(span, trace_id(state.run_id), _exporter(otel), otel.service if otel else ""):
            say("warning: the receiver of OpenTelemetry spans did not take them")
    except ImportError as error:
        if otel is not None:  # the variables may be meant for other programs
            say(f"warning: no spans are sent ({error}): pip install 'swarmskill[otel]', in a clone '.[otel]'")
    except Exception as error:  # whatever a foreign library raises, the run was not to blame
        say(f"warning: no spans are sent: {type(error).__name__}: {error}")


def export(span: Span, trace: int, exporter: SpanExporter, service: str = "") -> bool:
    """Hand the span and all below it to an exporter; returns whether it took them all."""
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    collected = InMemorySpanExporter()
    provider = _provider(trace, collected, service)
    _record(provider.get_tracer("swarmskill", __version__), span)
    spans = collected.get_finished_spans()
    batches = (spans[start : start + _BATCH] for start in range(0, len(spans), _BATCH))
    try:
        return all(exporter.export(batch) is SpanExportResult.SUCCESS for batch in batches)
    finally:
        exporter.shutdown()
        provider.shutdown()


def _provider(trace: int, collected: SpanExporter, service: str) -> TracerProvider:
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class RunIds(RandomIdGenerator):
        """All spans of a run in one trace, whichever process sends them."""

        def generate_trace_id(self) -> int:
            """The run's."""
            return trace

    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before our own name.
    ours = Resource({SERVICE_NAME: service or "swarm", SERVICE_VERSION: __version__})
    theirs = Resource.create()
    named = theirs.attributes.get(SERVICE_NAME, "unknown_service")
    resource = theirs.merge(ours) if service or str(named).startswith("unknown_service") else ours.merge(theirs)
    provider = TracerProvider(resource=resource, id_generator=RunIds(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(collected))
    return provider


def _record(tracer: Tracer, span: Span) -> None:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace import Status, StatusCode

    left: list[tuple[Span, Context]] = [(span, Context())]
    while left:
        one, context = left.pop()
        made = tracer.start_span(one.name, context, attributes=dict(one.attributes), start_time=_nanoseconds(one.start))
        if one.error:
            made.set_status(Status(StatusCode.ERROR, one.error))
        below = trace.set_span_in_context(made, Context())
        made.end(_nanoseconds(one.end))
        left += [(child, below) for child in one.children]


def _exporter(otel: Otel | None) -> SpanExporter:
    """One that sends to the configured address, else to that of the variables; the variables also tell headers."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    if otel is None:
        return OTLPSpanExporter(timeout=_PATIENCE)
    path = "/v1/traces"
    endpoint = otel.endpoint.rstrip("/")
    return OTLPSpanExporter(endpoint if endpoint.endswith(path) else endpoint + path, timeout=_PATIENCE)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
