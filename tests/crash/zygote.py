"""A process that has everything imported and forks mayors: a thousand of them start in no time.

Reads requests from standard input, one JSON object a line: argv, cwd, env, fault (or null), out (a file).
Answers each with the process id at once, and with the wait status when it is over.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys

import swarmskill
from tests.crash.faults import Fault, arm


def preload() -> None:
    """Import all that a mayor imports on its way."""
    for module in pkgutil.walk_packages(swarmskill.__path__, "swarmskill."):
        if not any(part in module.name for part in ("__main__", ".demo", "keeper", "tmux_worker")):
            importlib.import_module(module.name)


def become(request: dict[str, object]) -> None:
    """In the child: be the mayor."""
    os.setsid()
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(request["env"])  # type: ignore[call-overload]
    out = os.open(str(request["out"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", closefd=False)
    if request["fault"]:
        arm(Fault(**request["fault"]))  # type: ignore[arg-type]
    from swarmskill.cli import main

    main(request["argv"])  # type: ignore[arg-type]


def serve() -> None:
    """Fork one mayor for each request, one after the other."""
    preload()
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    for line in requests:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
            sys.exit(0)
        print(pid, file=answers, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


if __name__ == "__main__":
    serve()
