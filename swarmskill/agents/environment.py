"""What a worker sees of the mayor's environment, which is passed in."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from swarmskill.agents.base import Assignment

NECESSARY = (
    "PATH",
    "HOME",
    "LANG",
    "LC_*",
    "TERM",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "TZ",
    "XDG_*",
)
"""What a program needs to work at all: passed on whatever the allow-list says."""

SESSION_VARIABLES = ("CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID", "QWEN_CODE_SESSION_ID")
"""In which assistants tell what they start which conversation it is; opencode and Gemini tell nothing."""

_NEVER = re.compile(
    # Git's own would point the worker at another repository.
    r"GIT_.*"
    # An outer swarm's assignment is not this worker's.
    r"|SWARM_.*"
    # True of the mayor's folder and shell only.
    r"|PWD|OLDPWD|_|SHLVL|__PYVENV_LAUNCHER__"
    # How assistants mark what they started: a worker would take itself for a part of that session,
    # refuse to start, or write into its mail. Settings and keys of the same prefix are the user's.
    r"|CLAUDECODE|CLAUDE_PID|CLAUDE_SESSION_ID|CLAUDE_PROJECT_DIR|CLAUDE_PLUGIN_\w+|CLAUDE_SKILL_DIR|CLAUDE_ENV_FILE"
    r"|CLAUDE_CODE_(?:\w+_)?(?:SESSION|SESSION_ID|ENTRYPOINT|AGENT_ID|AGENT_NAME|TEAM_NAME|TASK_LIST_ID|SSE_PORT)"
    r"|CLAUDE_CODE_SESSION_ATTENDED|CLAUDE_CODE_EXECPATH"
    r"|CLAUDE_CODE_(?:MESSAGING|CHILD|PARENT)_\w+"
    r"|AI_AGENT|AGENT"
    r"|CODEX_(?:\w+_)?(?:SESSION_ID|THREAD_ID|SESSION)|CODEX_SANDBOX\w*|CODEX_CI|CODEX_MANAGED_BY_\w+"
    r"|CODEX_INTERNAL_\w+|CODEX_TOOL_CALL_ID"
    r"|OPENCODE|OPENCODE_(?:PID|SESSION_ID|RUN_ID|CALLER|SERVER_\w+)"
    r"|QWEN_CODE_(?:SESSION_ID|AGENT_ID|PROMPT_ID|LAUNCHER_PID|PROJECT_DIR|MODEL_IDENTITY|PRIVATE_\w+)"
    r"|GEMINI_CLI|QWEN_CODE|CURSOR_AGENT|CURSOR_TRACE_ID"
)

_SECRET = re.compile(
    r"KEYS?|(?:API|ACCESS|SECRET|PRIVATE)KEYS?"
    # Also at the end of a word: PGPASSWORD, npm_config__authToken.
    r"|\w*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)|SECRETS|PASSWORDS|CREDENTIALS?"
)
"""A word of a variable's name. Not TOKENS: that is a number of them."""

_ABOUT = frozenset("PATH FILE DIR SOCK NAME TYPE LIMIT COUNT SIZE TIMEOUT TTL MS SECONDS HELPER".split())
"""The last word of a name that tells something about a secret, such as where it is, and not the secret."""

_NOT_SECRET = frozenset({"GOOGLE_APPLICATION_CREDENTIALS"})  # a file's path, whatever the name says


def worker_environment(
    base_env: Mapping[str, str], *, allow: Iterable[str] | None, extra: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment of a worker: what it may see of `base_env`, and `extra`, which wins.

    `allow` are names or patterns (`MY_*`); None allows everything that is not private to the mayor.
    """
    allowed = None if allow is None else (*NECESSARY, *allow)
    seen = {
        name: value
        for name, value in base_env.items()
        if not _NEVER.fullmatch(name) and (allowed is None or any(fnmatchcase(name, one) for one in allowed))
    }
    return {**seen, **extra}


def reach_swarm(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables, with the running swarm's own folder at the end of PATH if there is no `swarm` on it.

    So its worker can type `swarm` though it was started by its path. Other programs of that folder, such as
    the Python of a virtual environment, come last: they take no other's place.
    """
    path = variables.get("PATH", os.defpath)
    if shutil.which("swarm", path=path):
        return dict(variables)
    # The script lies beside the Python that it runs with, or, installed for one user, where it was started.
    beside = (os.path.dirname(os.path.abspath(started)) for started in (sys.executable, sys.argv[0]) if started)
    found = next((folder for folder in beside if shutil.which("swarm", path=folder)), None)
    return {**variables, "PATH": os.pathsep.join(filter(None, (path, found)))} if found else dict(variables)


def secret_values(environment: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    """What must not be shown of a worker's environment: values of variables that are named secret or look it.

    `names` are the user's names or patterns (`MY_*`). Each value is there once, none is empty.
    """
    wanted = tuple(names)
    values = (
        value
        for name, value in environment.items()
        if value and (_looks_secret(name) or any(fnmatchcase(name, one) for one in wanted))
    )
    return tuple(dict.fromkeys(values))


def _looks_secret(name: str) -> bool:
    *_, last = words = name.upper().split("_")
    return last not in _ABOUT and name not in _NOT_SECRET and any(_SECRET.fullmatch(word) for word in words)


def assignment_variables(assignment: Assignment, repository: Path) -> dict[str, str]:
    """How a worker learns what it is to do; `repository` is the main checkout."""
    return {
        "SWARM_RUN_ID": assignment.run_id,
        "SWARM_TASK_ID": assignment.task.id,
        "SWARM_ATTEMPT": str(assignment.attempt),
        "SWARM_PROMPT": str(assignment.prompt_file),
        "SWARM_RESULT": str(assignment.result_file),
        "SWARM_REPO": str(repository),
    }
