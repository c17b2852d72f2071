"""The options of `swarm run`, under the headings of its help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from swarmskill.cli.options import AGENTS, LIMITS
from swarmskill.config import Land, Mode, OnExhaust, Schedule
from swarmskill.model import OnFailure

Tasks = Annotated[
    str, typer.Argument(metavar="[TASKS]", help="Task file, JSON, YAML or a Markdown list; - reads standard input.")
]
AgentOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Agent of tasks that name none: a name, auto, or several with shares: claude=3,codex=2. [command]",
        rich_help_panel=AGENTS,
    ),
]
ModelOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Model for tasks that name none.", rich_help_panel=AGENTS)
]
AgentCmdOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Command line of the agent `command`, such as 'prog --flag {prompt_file}'.",
        rich_help_panel=AGENTS,
    ),
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(metavar="COMMAND", help="Command that agents may run unasked; repeatable.", rich_help_panel=AGENTS),
]
YoloOption = Annotated[
    bool | None,
    typer.Option("--yolo", help="Let agents do everything, out of their sandbox.", rich_help_panel=AGENTS),
]
FreshOption = Annotated[
    bool | None,
    typer.Option("--fresh", help="A new session for each retry.", rich_help_panel=AGENTS),
]
MaxWorkersOption = Annotated[
    str | None, typer.Option(metavar="N", help="Workers at the same time. [5]", rich_help_panel=LIMITS)
]
MaxMemoryOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory of one worker: 512M, 4G. `swarm doctor` tells what holds it. [no limit]",
        rich_help_panel=LIMITS,
    ),
]
OnExhaustOption = Annotated[
    OnExhaust | None,
    typer.Option(
        help="When money or tokens are used up: stop the workers, let them finish, or stop and sum up. [stop]",
        rich_help_panel=LIMITS,
    ),
]
TimeoutOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Of one worker: 90s, 30m, 2h. [30m]", rich_help_panel=LIMITS),
]
StallTimeoutOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Without progress until a worker is marked as stalled and asked. [half of --idle-timeout]",
        rich_help_panel=LIMITS,
    ),
]
IdleTimeoutOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Of a worker without progress: it is ended. [15m]", rich_help_panel=LIMITS),
]
DeadlineOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="Of the whole run. [none]", rich_help_panel=LIMITS)
]
MaxRetriesOption = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Retries of a task, whatever it failed for. [by kind of failure]",
        rich_help_panel=LIMITS,
    ),
]
RetryDelayOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Before a task's first retry; twice as long before each further one. [0]",
        rich_help_panel=LIMITS,
    ),
]
ScheduleOption = Annotated[Schedule | None, typer.Option(help="Start when ready, or wave by wave. [rolling]")]
OnFailureOption = Annotated[OnFailure | None, typer.Option(help="When a task fails. [best-effort]")]
BaseOption = Annotated[str, typer.Option(metavar="COMMIT", help="Commit to start from. [HEAD]", show_default=False)]
LandOption = Annotated[
    Land | None, typer.Option(help="When to move your branch to the run branch. [end, or wave with --schedule wave]")
]
ModeOption = Annotated[
    Mode | None, typer.Option(help="Workers in the background, or each in a tmux window of its own. [local]")
]
WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait", help="In distributed mode, return when the run is over, or --timeout is: then nothing is ended."
    ),
]
KeepSessionsOption = Annotated[
    bool | None, typer.Option("--keep-sessions", help="Keep the tmux windows of completed tasks.")
]
InteractiveOption = Annotated[
    bool | None,
    typer.Option("--interactive", help="In distributed mode, agents on their own screens, where you may join in."),
]
HelpAgentOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="In distributed mode, an agent that answers what workers ask by mail. [persons only]"
    ),
]
NotifyOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND", help="Command that gets a JSON document on its standard input at failures and at the end."
    ),
]
KeepOption = Annotated[bool | None, typer.Option("--keep", help="Keep every worktree.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the plan and start nothing.")]

_LISTS: Final = {"tasks", "from_", "bead_ids", "write_back", "from_wave", "ratchet_cmd", "ratchet_timeout"}
_FILES: Final = {"junit", "summary", "push"}
_NOT_SETTINGS: Final = _LISTS | _FILES | {"base", "wait", "dry_run", "detach", "json"}
"""Parameters of `swarm run` that only the command line has."""


def settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of the parameters of `swarm run`, those that are settings by the same name; None for one that was not given."""
    flags = {name: value for name, value in given.items() if name not in _NOT_SETTINGS}
    return {**flags, "allow": given["allow"] or None}
