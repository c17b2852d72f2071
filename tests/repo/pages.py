"""The pages in references/ that are made from the code."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import walk_packages

import swarmskill
from swarmskill.errors import SwarmError

ERRORS = """\
# Errors and exit codes

An error is two lines on standard error: what is wrong and where, then a command or an edit that helps.

```
error: tasks.json: /1/blockedBy/0: no task has the id "mdel"; the nearest are "model"
 hint: write "model", or add the task
```

With `--json` it is one document on standard output:
`{{"error": {{"code": "input", "message": "...", "hint": "..."}}}}`.

| exit code | means |
|---|---|
| 0 | every task completed; for other verbs: done |
| 1 | some task did not complete, or the run was refused |
| 2 | wrong input or usage; nothing was started |
| 3 | a bug of ours; a report that can be sent was written |
| 124 | the time is over and nothing has come: `swarm wait`, `swarm done --wait`, `mail wait`, `kv watch`; call again |
| 130 | Ctrl-C |

`swarm next` and `swarm done` exit with 0 whatever became of the tasks, so with a task whose checks failed, too: their line
tells it, and with `done --json` `tasks`. What goes wrong with a task is no error but its outcome: `swarm why TASK` tells it.

| code | exit code | when |
|---|---|---|
{rows}
"""


def errors_page() -> str:
    """`references/errors.md`, from all classes of errors there are."""
    for module in walk_packages(swarmskill.__path__, "swarmskill."):
        if module.name != "swarmskill.__main__" and not module.name.startswith("swarmskill.demo."):
            import_module(module.name)
    rows = [f"| `{kind.code}` | {kind.exit_code} | {_first_sentence(kind)} |" for kind in _family(SwarmError)]
    return ERRORS.format(rows="\n".join(rows))


def _family(kind: type[SwarmError]) -> list[type[SwarmError]]:
    """All classes below one of them, deepest first come last."""
    own = sorted(
        (below for below in kind.__subclasses__() if below.__module__.startswith("swarmskill.")),
        key=lambda below: (below.exit_code, below.code),
    )
    return [one for below in own for one in (below, *_family(below))]


def _first_sentence(kind: type[SwarmError]) -> str:
    return " ".join(inspect.getdoc(kind).partition("\n\n")[0].split())
