"""A server that the tests start and ask, ledgers that nobody drove, and a browser that looks."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from swarmskill.codec import encode_event
from swarmskill.core.events import Event
from tests.cli.conftest import User

CHROMIUM = shutil.which("chromium")
RUN = "20261121-120000-brave-otter"


@dataclass
class Server:
    """`swarm serve` in the user's repository."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.url).query)["token"][0]

    def page(self, run: str) -> str:
        """The address of a run's page for a first visit."""
        return f"http://{self.host}/runs/{run}?token={self.token}"

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, Any, http.client.HTTPMessage]:
        """Status, document (or text) and headers of an answer."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            body = answer.read()
            kind = answer.headers.get_content_type()
            return answer.status, json.loads(body) if kind == "application/json" else body.decode(), answer.headers
        finally:
            connection.close()

    def act(self, path: str) -> tuple[int, Any, http.client.HTTPMessage]:
        return self.ask("POST", path, Authorization=f"Bearer {self.token}")

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@contextmanager
def served(user: User, *options: str) -> Iterator[Server]:
    process = user.start("serve", "--port", "0", *options)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        assert url.startswith("http://"), process.stderr and process.stderr.read()
        yield Server(process, url)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def write_ledger(user: User, events: list[Event], run: str = RUN) -> None:
    """Leave a run as a mayor that is gone would have left it."""
    path = user.top / ".git" / "swarm" / "runs" / run / "events.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(encode_event(event, number) for number, event in enumerate(events, 1)))


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's browser, driven by Playwright."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: .ci/run installs it")
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=120_000
        )
        try:
            yield browser
        finally:
            browser.close()
