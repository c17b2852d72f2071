"""`swarm mcp`: the verbs as tools of an assistant."""

from __future__ import annotations

from typing import Annotated

import typer


def mcp(
    expose_run: Annotated[
        bool, typer.Option("--expose-run", help="Offer run_swarm, too: a whole run in one call.")
    ] = False,
) -> int:
    """Serve plan, start, status, wait, next, done, stop and report as tools, on standard input and output (MCP).

    Example: swarm mcp --expose-run
    """
    from swarmskill.mcp_server import serve

    serve(expose_run=expose_run)
    return 0
