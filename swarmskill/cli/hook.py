"""`swarm hook`: what Claude Code calls when a sub-agent ends or a task is ticked."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swarmskill.mayor.hooks import TaskTicked, WorkerStops

_SENT_BACK = 2
"""The exit code by which a hook objects; Claude Code gives its words to the model."""


def hook() -> int:
    """Answer a hook of Claude Code, which it tells on standard input; `swarm install claude --hooks` sets it up.

    SubagentStop: a worker without a result is sent back to it, once; the result of one that has it is taken
    back, as by `swarm done`. TaskCompleted: a task that a run has not completed does not count as done. Whatever else
    comes passes. The exit code is 2 where swarm objects.

    Example: swarm hook < event.json
    """
    from swarmskill.codec import load_json
    from swarmskill.mayor.hooks import objection

    try:
        told = load_json(sys.stdin.buffer.read())
        event = _event(told)
        folder = Path(told["cwd"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0
    if event is None:
        return 0
    session = {"CLAUDE_CODE_SESSION_ID": str(told["session_id"])} if "session_id" in told else {}
    words = objection(event, folder, dict(os.environ) | session)
    if not words:
        return 0
    print(f"swarm: {words}", file=sys.stderr)
    return _SENT_BACK


def _event(told: dict[str, Any]) -> WorkerStops | TaskTicked | None:
    from swarmskill.mayor.hooks import TaskTicked, WorkerStops

    match told["hook_event_name"]:
        case "SubagentStop":
            return WorkerStops(Path(told["agent_transcript_path"]), again=bool(told.get("stop_hook_active")))
        case "TaskCompleted":
            return TaskTicked(str(told["task_id"]), str(told["task_subject"]))
    return None
