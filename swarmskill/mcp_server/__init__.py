"""`swarm` as a server of the Model Context Protocol (MCP): its verbs are tools of an assistant."""

from __future__ import annotations

from swarmskill.errors import Refused


def serve(*, expose_run: bool) -> None:
    """Serve on standard input and output until the input ends. Raises Refused if the extra is not installed."""
    try:
        from swarmskill.mcp_server.tools import build_server
    except ImportError as error:
        raise Refused(
            f"swarm mcp needs the Python package mcp, version 2 or newer ({error})",
            hint="uv tool install 'swarmskill[mcp]', or pip install it; in a clone: pip install '.[mcp]'",
        ) from error
    build_server(expose_run=expose_run).run("stdio")
