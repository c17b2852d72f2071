"""`swarm serve`: the runs of a repository as live pages and over HTTP."""

from __future__ import annotations

from pathlib import Path

from swarmskill.errors import Refused


def serve(top: Path, common_dir: Path, *, host: str, port: int, token: str) -> None:
    """Serve until Ctrl-C. `token` is made up if it is "". Raises Refused if the extra is missing or the port taken."""
    try:
        from swarmskill.web.server import run_server
    except ImportError as error:
        raise Refused(
            f"swarm serve needs the Python packages starlette and uvicorn ({error})",
            hint="uv tool install 'swarmskill[web]', or pip install it; in a clone: pip install '.[web]'",
        ) from error
    run_server(top, common_dir, host=host, port=port, token=token)
