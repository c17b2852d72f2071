"""Records what the real programs print: `python -m tests.real.agents.record FOLDER [PROGRAM...] [-- CASE...]`.

Each case of `CASES` becomes `FOLDER/<program>/<case>.stdout` and `.meta.json`, as in `tests/samples`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.real.agents.installed import home
from tests.real.agents.live import aim, run
from tests.real.agents.programs import PROGRAMS
from tests.real.harness import Project
from tests.scripted_model import CONTEXT, DROP, REFUSED, Fault, ScriptedModel, script

WAIT: Final = 45.0

CASES: Final[dict[str, list[Any] | Fault]] = {
    "context": Fault(CONTEXT),
    "refused": Fault(REFUSED),
    "refused-late": [[{"text": "I will not"}, {"refuse": True}], [{"text": "No"}, {"refuse": True}]],
    "limit-told": [{"error": 429, "times": 1, "retry_after": 2, "reset": 2}, {"text": "through"}],
    "limit-far": Fault(429, retry_after=3600, reset=3600),
    "overload-once": [{"error": 529, "times": 1}, {"text": "through"}],
    "permission": Fault(403),
    "no-model": Fault(404),
    "server": Fault(500),
    "cut": [[{"text": "part"}, {"truncate": True}], {"text": "more"}],
    "dropped": Fault(DROP),
}
"""What the model does, by the name of the case: a script, or a fault for good."""


def record(folder: Path, name: str, case: str) -> str:
    """Run one case in a fresh home and repository and write its two files. Returns a line about it."""
    with tempfile.TemporaryDirectory() as place, ScriptedModel() as model:
        project = Project.create(Path(place))
        environment = aim(Path(place) / "agent", model, name)
        files = folder / name
        files.mkdir(parents=True, exist_ok=True)
        cmd = PROGRAMS[name].argv(Path("."))
        does = CASES[case]
        if isinstance(does, Fault):
            model.fail(does)
        prompt = "say hello" if isinstance(does, Fault) else script(*does)
        try:
            ran = run(name, prompt, project.top, environment, timeout=WAIT)
            out, told = ran.stdout, {"rc": ran.code, "wall": round(ran.seconds, 2), "stderr": ran.stderr}
        except subprocess.TimeoutExpired as late:
            out, err = (_text(late.stdout), _text(late.stderr))
            told = {"rc": "TIMEOUT", "wall": WAIT, "stderr": err}
        meta = {"cmd": cmd, "stdin": prompt, **told, "requests": len(model.requests())}
        for file, text in ((f"{case}.stdout", out), (f"{case}.meta.json", json.dumps(meta, indent=1) + "\n")):
            # Every run has a place of its own: in the samples it is called /w.
            plain = text.replace(place, "/w").replace(str(home()), "/agents")
            (files / file).write_text(plain, encoding="utf-8")
    return f"{name:9} {case:14} rc {told['rc']!s:8} {told['wall']:6} s, {meta['requests']} requests"


def _text(printed: str | bytes | None) -> str:
    return printed.decode("utf-8", "replace") if isinstance(printed, bytes) else printed or ""


def main(words: list[str]) -> None:
    """Record what is asked for, or all."""
    at = words.index("--") if "--" in words else len(words)
    folder, programs, cases = Path(words[0]), words[1:at] or list(PROGRAMS), words[at + 1 :] or list(CASES)
    for name in programs:
        for case in cases:
            print(record(folder, name, case), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
