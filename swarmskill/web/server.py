"""Listens, says where, and ends on Ctrl-C, whoever is still reading."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from urllib.parse import quote

import uvicorn

from swarmskill.errors import Refused
from swarmskill.web.access import is_loopback, make_access
from swarmskill.web.app import build_app

_PATIENCE = 5
"""Seconds that requests get to end once the server shall end."""


def run_server(top: Path, common_dir: Path, *, host: str, port: int, token: str) -> None:
    """Serve until Ctrl-C. Raises Refused if the address cannot be had."""
    shown = token or secrets.token_urlsafe(24)
    listening = _listen(host, port)
    asyncio.run(_serve(listening, top, common_dir, host, shown, closed=bool(token)))


async def _serve(listening: socket.socket, top: Path, common_dir: Path, host: str, token: str, *, closed: bool) -> None:
    stopping = asyncio.Event()
    access = make_access(host, token, socket.gethostname(), closed=closed)
    config = uvicorn.Config(
        build_app(top, common_dir, access, stopping),
        log_level="warning",
        access_log=False,  # the token stands in the address of the first visit
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_PATIENCE,
        lifespan="off",
    )
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that readers go away is no warning
    _tell(listening, host, token)
    await _Server(config, stopping.set).serve(sockets=[listening])


class _Server(uvicorn.Server):
    """Tells the streams to end as soon as the server shall end: it waits for them."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came."""
        self._end_streams()
        if sig == signal.SIGINT:
            # uvicorn raises what it caught once more at its end, which would make of Ctrl-C an error.
            self.should_exit = True
        else:
            super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(found[0], found[1])
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(found[4])
        listening.listen(128)
    except OSError as error:
        hint = "another port: swarm serve --port 0"
        raise Refused(f"cannot listen on {host} port {port}: {error.strerror}", hint=hint) from error
    return listening


def _tell(listening: socket.socket, host: str, token: str) -> None:
    name = f"[{host}]" if ":" in host else host
    port = listening.getsockname()[1]
    print(f"http://{name}:{port}/?token={quote(token)}", flush=True)
    if not is_loopback(host):
        print("everybody who has this address may stop and retry runs here; it is not encrypted", flush=True)
