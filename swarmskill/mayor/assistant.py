"""Which assistant runs a run's workers, with which of its tools; one at a time."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict

from swarmskill.agents.environment import SESSION_VARIABLES
from swarmskill.backends.ancestry import Caller, find_caller
from swarmskill.backends.handed import HandedOut
from swarmskill.backends.host import HOSTED, Way, find_way
from swarmskill.codec import dump_json, load_json
from swarmskill.core.state import State
from swarmskill.errors import Refused
from swarmskill.places import RunFolder
from swarmskill.records import dataclass
from swarmskill.writing import replace_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """An assistant, and how it spawns workers. `session` is what it calls itself, "" if it does not."""

    session: str
    pid: int
    identity: str
    way: str
    form: str
    tools: tuple[str, ...]

    @property
    def name(self) -> str:
        """Tells this assistant from another one."""
        return self.session or f"process {self.pid}"

    @property
    def alive(self) -> bool:
        """Whether its process is still there."""
        return Caller(self.pid, self.identity).alive

    def is_same(self, other: Assistant) -> bool:
        """Whether both are one: by what they call themselves, else by their process."""
        if self.session and other.session:
            return self.session == other.session
        return (self.pid, self.identity) == (other.pid, other.identity)


def is_tended(folder: RunFolder, state: State, *, held: bool) -> bool:
    """Whether anybody is at work on a run: a mayor that has `held` it, or the assistant that runs its workers."""
    if held or state.config.backend not in HOSTED:
        return held
    owner = read_assistant(folder)
    return owner is not None and owner.alive


def this_assistant(environment: Mapping[str, str], way: Way, tools: tuple[str, ...]) -> Assistant:
    """The assistant that called this command."""
    caller = find_caller()
    session = next((environment[name] for name in SESSION_VARIABLES if environment.get(name)), "")
    return Assistant(
        session=session, pid=caller.pid, identity=caller.identity, way=way.name, form=way.form, tools=tools
    )


def comer_to(owner: Assistant, environment: Mapping[str, str]) -> Assistant:
    """The assistant that called this command, which comes to a run of this owner."""
    return this_assistant(environment, find_way(owner.way, owner.form), owner.tools)


def read_assistant(folder: RunFolder) -> Assistant | None:
    """The assistant that a run belongs to."""
    with suppress(OSError, ValueError, TypeError):
        document = load_json(folder.assistant.read_bytes())
        return Assistant(**{**document, "tools": tuple(document["tools"])})
    return None


def write_assistant(folder: RunFolder, assistant: Assistant) -> None:
    """The run belongs to this assistant from now on."""
    replace_file(folder.assistant, dump_json(asdict(assistant)).encode())


def refuse_stranger(folder: RunFolder, owner: Assistant, comer: Assistant) -> None:
    """Raise Refused if the run belongs to another assistant that is there."""
    if owner.alive and not owner.is_same(comer):
        raise Refused(
            f"run {folder.run_id} belongs to another assistant ({owner.name})",
            hint="go on there; if it is gone, take the run over: swarm next --take-over --run " + folder.run_id,
        )


def handed_out(folder: RunFolder) -> HandedOut:
    """The workers that the run's assistant runs."""
    assistant = read_assistant(folder)
    if assistant is None:
        raise Refused(f"run {folder.run_id} does not tell whose it is", hint="swarm next --take-over")
    way = find_way(assistant.way, assistant.form)
    return HandedOut(
        folder.handed,
        assistant.name,
        named=(lambda key: _address(way, key)) if way.named else None,
        reachable=way.message is not None,
    )


def _address(way: Way, key: str) -> str:
    """By which name the assistant's tools know the worker of an attempt: the one that it was spawned with."""
    name = worker_name(*_parts(key))
    return plain_name(name) if way.spawn and "{plain}" in way.spawn.input.values() else name


def worker_name(task_key: str, attempt: int) -> str:
    """The name of an attempt's worker: `worker-3`, and `worker-3-try2` for a second one from scratch."""
    return f"worker-{task_key}" if attempt == 1 else f"worker-{task_key}-try{attempt}"


def plain_name(name: str) -> str:
    """A worker's name for tools that take small letters, digits and underscores only; no two names become one."""
    plain = name.replace("-", "_")
    if re.fullmatch(r"[a-z0-9-]+", name):
        return plain
    return f"{re.sub(r'[^a-z0-9]+', '_', plain.lower()).strip('_')}_{zlib.crc32(name.encode()):08x}"


def _parts(key: str) -> tuple[str, int]:
    task_key, _, attempt = key.rpartition("-")
    return task_key, int(attempt)
