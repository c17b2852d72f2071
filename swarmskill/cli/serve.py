"""`swarm serve`: the runs of a repository in the browser and over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 for any that is free.")] = 8477,
    token: Annotated[
        str, typer.Option(metavar="TEXT", help="Needed for everything then; made up, and for acting alone, by default.")
    ] = "",
) -> int:
    """Show the runs of this repository as live pages and over HTTP until Ctrl-C. Prints the address to open.

    Example: swarm serve --port 0
    """
    from swarmskill.repo.locate import locate
    from swarmskill.web import serve as serve_pages

    located = locate(Path.cwd())
    serve_pages(located.top, located.common_dir, host=host, port=port, token=token)
    return 0
