"""`swarm doctor`: what is there, what is missing, and which settings hold."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from swarmskill.cli.options import JsonOption, look_here, print_json, print_text
from swarmskill.errors import Refused

if TYPE_CHECKING:
    from swarmskill.settings import Setting
    from swarmskill.views.doctor import Examination, Row, Tool

_NEEDED = ("git", "repository", "keeper")
"""Without these there is no run."""


def doctor(json: JsonOption = False) -> int:
    """Tell which agents can work here, what else runs need, and each setting with where it comes from.

    Spends nothing. Exit code 0 if an agent and git can work, else 1.

    Example: swarm doctor
    """
    from swarmskill.views.doctor import doctor_json, doctor_text

    found = _examine()
    if json:
        print_json(doctor_json(found))
    else:
        print_text(doctor_text(found, home=str(Path.home()), look=look_here()))
    return 0 if found.ok else 1


def _examine() -> Examination:
    from swarmskill.agents.detection import Surroundings, survey
    from swarmskill.cli.machine import examine_machine
    from swarmskill.settings import effective, every_setting, load_sources
    from swarmskill.views.doctor import Examination

    folder = Path.cwd()
    settings = every_setting(effective(load_sources({}, os.environ, _top(folder), Path(typer.get_app_dir("swarm")))))
    here = Surroundings(
        environment=os.environ,
        home=Path.home(),
        options=settings["agents"].value,
        agent_cmd=settings["agent_cmd"].value,
    )
    agents = survey(_names(settings), here)
    tools = examine_machine(agents, folder)
    ok = any(seen.able for seen in agents) and not any(_hinders(tool) for tool in tools)
    return Examination(agents=agents, tools=tools, settings=[_row(name, settings[name]) for name in settings], ok=ok)


def _top(folder: Path) -> Path:
    from swarmskill.repo.locate import locate

    with suppress(Refused):
        return locate(folder).top
    return folder


def _hinders(tool: Tool) -> bool:
    return tool.name in _NEEDED and tool.fit is False


def _names(settings: dict[str, Setting]) -> list[str]:
    """All agents there are but the assistant itself, and those of the settings that stand for a command (`acp:...`)."""
    from swarmskill.agents.pool import AUTO
    from swarmskill.agents.registry import agent_names

    pool = [share.agent for share in settings["agent"].value if share.agent != AUTO]
    names = dict.fromkeys([*agent_names(), *pool, *settings["agents"].value])
    return [name for name in names if name != "host"]


def _row(name: str, setting: Setting) -> Row:
    from swarmskill.views.doctor import Row
    from swarmskill.views.marks import size_text

    value = _pool_words(setting.value) if name == "agent" else _plain(setting.value)
    text = size_text(value) if name == "max_memory" and isinstance(value, int) else _text(value)
    return Row(name=name, text=text, value=value, origin=setting.origin)


def _pool_words(pool: Any) -> str:
    return ",".join(share.agent if share.workers is None else f"{share.agent}={share.workers}" for share in pool)


def _plain(value: Any) -> Any:
    """The value as JSON data, without what is not set."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(one) for key, one in asdict(value).items() if one not in (None, "", (), False)}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_text(one)}" for key, one in value.items())
    return str(value)
