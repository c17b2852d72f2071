"""The table `[otel]` of the settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from swarmskill.config import Otel
from swarmskill.sources.fields import decode_line
from swarmskill.sources.findings import Findings, found, show


def decode_otel(value: Any, place: str, findings: Findings) -> Otel | None:
    """Where spans are sent. What is wrong is noted in the findings."""
    if not isinstance(value, dict):
        findings.problem(place, f"wants a table, found {found(value)}", 'write [otel] and endpoint = "http://..."')
        return None
    for key in sorted(set(value) - {"endpoint", "service"}):
        fix = "use OTEL_EXPORTER_OTLP_HEADERS: a run keeps its settings" if key == "headers" else "remove it"
        findings.problem(f"{place}/{key}", "unknown key", f"{fix}; known are: endpoint, service")
    endpoint = decode_line(value.get("endpoint"), f"{place}/endpoint", findings)
    if endpoint is not None and (urlsplit(endpoint).scheme not in ("http", "https") or "@" in endpoint):
        problem = f"{show(endpoint)} is no address of a receiver"
        findings.problem(f"{place}/endpoint", problem, "write http://HOST:4318, without a password")
        return None
    service = decode_line(value["service"], f"{place}/service", findings) if "service" in value else ""
    return None if endpoint is None or service is None else Otel(endpoint, service)
