"""Whoever of sender, carrier and reader is killed wherever: no message is lost, doubled or out of order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.crash import tally
from tests.crash.scene import fast_folder

TOP = Path(__file__).parents[2]
NOTHING = {"lost": 0, "doubled": 0, "disordered": 0}


def table(*words: object) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.mail_kills", *map(str, words)],
        cwd=TOP,
        env={**os.environ, "TMPDIR": str(fast_folder()), "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_before_every_single_file_operation() -> None:
    found = table("every")
    assert found | NOTHING == found
    assert min(found[f"{role} points"] for role in ("send", "carry", "read")) > 30


def test_twenty_workers_a_thousand_messages_and_random_kills() -> None:
    found = table("storm", 20, 50, int(tally.seed(), 16))
    assert found | NOTHING == found, tally.seed()
    assert found["messages"] == 1000
    assert min(found["carrier killed"], found["senders killed"]) > 2
