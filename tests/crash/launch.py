"""`swarm` with a fault in it: `python -m tests.crash.launch FAULT WORDS…`, FAULT as `Fault.words` writes it."""

from __future__ import annotations

import json
import sys

from swarmskill.cli import main
from tests.crash.faults import Fault, arm

if __name__ == "__main__":
    arm(Fault(**json.loads(sys.argv[1])))
    main(sys.argv[2:])
