"""A server by itself: `python -m tests.scripted_model --port-file F [--log FOLDER] [--port N]`, until it is ended."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

from tests.scripted_model.server import ScriptedModel


def main() -> None:
    """Serve until SIGTERM or SIGINT. The port file appears, whole, once requests are answered."""
    parser = argparse.ArgumentParser(description="a scripted model on 127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port")
    parser.add_argument("--log", type=Path, help="folder for the requests")
    options = parser.parse_args()
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with ScriptedModel(options.log, options.port) as model:
        if options.port_file:
            part = options.port_file.with_name(options.port_file.name + ".part")
            part.write_text(str(model.port), encoding="utf-8")
            os.replace(part, options.port_file)
        print(model.url, flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
