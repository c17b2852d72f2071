"""The command line. `main` is the entry point; nothing heavy is imported before it is needed."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

_FEW = 50_000
"""New objects between two searches for garbage, not 700: what a command makes at its start lives to its end."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `swarm` with the given arguments (default: those of the process) and exit."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        from swarmskill import __version__

        print(f"swarm {__version__}")
        return
    if not os.environ.get("HOME"):
        os.environ.pop("HOME", None)  # empty is as unset, here and for all that we start: no path begins with "/."
    gc.set_threshold(_FEW)
    from swarmskill.cli.failures import run_guarded

    code = run_guarded(["run", *words] if _is_wave(words) else words)
    gc.freeze()  # what is there now needs no last search, for all of it goes
    sys.exit(code)


def _is_wave(words: Sequence[str]) -> bool:
    """Whether options alone name a wave to run: `swarm --from-wave FILE` is how a build server drives us."""
    named = any(word == "--from-wave" or word.startswith("--from-wave=") for word in words)
    return named and words[0].startswith("-")
