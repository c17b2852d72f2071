"""What a server was asked, in memory and in a folder. Secrets are masked before anything is kept."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

MASK: Final = "<masked>"
_SECRET_HEADERS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie")
_KEY_IN_QUERY: Final = re.compile(r"([?&](?:key|api_key|access_token)=)([^&]+)")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its number among those of its label (from 1), seconds since the epoch, what it asked.

    Header names are in small letters. `body` is the JSON, or the text that is none.
    """

    label: str
    number: int
    time: float
    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def asks_model(self) -> bool:
        """Whether it asks for a turn of the model, not for a list of models or a count of tokens."""
        path = self.path.partition("?")[0]
        return self.method == "POST" and not path.endswith(("count_tokens", ":countTokens"))


class Journal:
    """All requests, kept by any number of threads."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._requests: list[Request] = []
        self._changed = threading.Condition()

    def keep(self, label: str, method: str, path: str, headers: Mapping[str, str], body: Any) -> Request:
        """Keep a request. In the folder it becomes `<label>/<number>.json`."""
        lower = {name.lower(): value for name, value in headers.items()}
        secrets = [lower[name].split()[-1] for name in _SECRET_HEADERS if lower.get(name, "").strip()]
        secrets += [key for _, key in _KEY_IN_QUERY.findall(path)]
        shown = {name: MASK if name in _SECRET_HEADERS else value for name, value in lower.items()}
        told = _masked([_KEY_IN_QUERY.sub(rf"\1{MASK}", path), shown, body], secrets)
        with self._changed:
            number = 1 + sum(request.label == label for request in self._requests)
            request = Request(label, number, time.time(), method, *told)
            self._requests.append(request)
            if self._folder:
                (self._folder / label).mkdir(parents=True, exist_ok=True)
                file = self._folder / label / f"{number:04d}.json"
                file.write_text(json.dumps(asdict(request), indent=1), encoding="utf-8")
            self._changed.notify_all()
        return request

    def requests(self, label: str | None = None) -> list[Request]:
        """The requests of a label, or all, in order."""
        with self._changed:
            return [request for request in self._requests if label in (None, request.label)]

    def await_requests(self, count: int, label: str | None = None, timeout: float = 30.0) -> list[Request]:
        """Wait until that many asked for a turn of the model, and return them. Raises TimeoutError (seconds)."""

        def asked() -> list[Request]:
            return [request for request in self._requests if label in (None, request.label) and request.asks_model]

        with self._changed:
            if not self._changed.wait_for(lambda: len(asked()) >= count, timeout):
                raise TimeoutError(f"{len(asked())} of {count} requests after {timeout:g} s")
            return asked()


def _masked(value: Any, secrets: list[str]) -> Any:
    """The value without the secrets, wherever they stand: an agent may repeat its key in the body."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK) if len(secret) >= 6 else value
        return value
    if isinstance(value, dict):
        return {key: _masked(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, secrets) for item in value]
    return value
