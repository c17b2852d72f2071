"""Would the tests notice? Breaks the core in many small ways and runs the stories and the machine.

    python -m tests.machine.mutants [NAME…]

prints for each mutant which of the two kill it, and exits with 1 if one survives both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITES = {"stories": ("tests/scenarios",), "machine": ("tests/machine/test_core_machine.py",)}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A replacement in one file of the core; `old` occurs there exactly once."""

    name: str
    file: str
    old: str
    new: str


MUTANTS = (
    # Laws 2 and 3: what is current
    Mutant(
        "the attempt is not compared", "transitions", "or task.attempt != event.attempt or task.phase", "or task.phase"
    ),
    Mutant("the phase is not compared", "transitions", " or task.phase is not phase:", ":"),
    Mutant("a retry's attempt is not compared", "transitions", " or task.attempt != event.attempt:\n", ":\n"),
    Mutant("a run starts twice", "transitions", "    if state.run_id:\n        return None\n", ""),
    Mutant(
        "any session may resume",
        "transitions",
        "if event.session != state.session + 1:",
        "if event.session < state.session:",
    ),
    Mutant(
        "any session may stop", "transitions", "if event.session != state.session or not stronger", "if not stronger"
    ),
    Mutant("a weaker stop replaces a stronger", "transitions", " or not stronger or", " or"),
    Mutant(
        "any head may have landed",
        "transitions",
        "    if state.stage is not Stage.LANDING or event.head != state.head:\n        return None\n    return replace(state, stage=Stage.RUNNING, landed",
        "    if state.stage is not Stage.LANDING:\n        return None\n    return replace(state, stage=Stage.RUNNING, landed",
    ),
    Mutant(
        "any session may have reported",
        "transitions",
        "if state.stage is not Stage.REPORTING or event.session != state.session:",
        "if state.stage is not Stage.REPORTING:",
    ),
    Mutant(
        "events come before the start", "transitions", "bool(state.run_id) or isinstance(event, ev.RunStarted)", "True"
    ),
    # Law 4: what is outstanding
    Mutant(
        "a start is not awaited",
        "transitions",
        "(Await(event.task, event.attempt, worker.pid, worker.identity, worker.worktree),)",
        "()",
    ),
    Mutant(
        "a worker that starts in a stop is not killed",
        "transitions",
        "    if state.stop in (Stop.NOW, Stop.FORCE):\n        effects +=",
        "    if False:\n        effects +=",
    ),
    Mutant("stop now kills nobody", "transitions", "if isinstance(effect, Kill))", "if False)"),
    Mutant(
        "a stop repeats every effect",
        "transitions",
        "for effect in outstanding(state) if isinstance(effect, Kill))",
        "for effect in outstanding(state))",
    ),
    Mutant(
        "recovery forgets kills",
        "progress",
        "        if state.stop in (Stop.NOW, Stop.FORCE):\n            yield Kill",
        "        if False:\n            yield Kill",
    ),
    Mutant(
        "recovery forgets the feedback",
        "progress",
        "yield Spawn(task_id, task.attempt, task.feedback)",
        "yield Spawn(task_id, task.attempt)",
    ),
    Mutant(
        "recovery forgets integrations",
        "progress",
        "yield Integrate(task_id, task.attempt, task.work, worker.base)",
        "yield from ()",
    ),
    Mutant("recovery forgets the landing", "progress", "        yield Land(state.head)", "        yield from ()"),
    Mutant(
        "a report is overtaken by a retry",
        "transitions",
        "over = state.stage is Stage.OVER and state.stop is Stop.NONE",
        "over = state.stage in (Stage.REPORTING, Stage.OVER)",
    ),
    Mutant(
        "a retry during the report is forgotten",
        "transitions",
        "retried = state.open and state.stop is Stop.NONE",
        "retried = False",
    ),
    # Law 5: completion
    Mutant(
        "complete on a passed check",
        "transitions",
        "task = replace(task, phase=Phase.INTEGRATING, work=event.commit, notes=event.verdict.notes)\n    state = _put(state, event.task, task)",
        'task = replace(task, phase=Phase.INTEGRATING, work=event.commit, commit=event.commit)\n    state = _free_dependents(_end(_put(state, event.task, task), event, Outcome.COMPLETED, ""), event.task)',
    ),
    Mutant(
        "a refused verdict is integrated",
        "transitions",
        "    if event.verdict.failed is not None:\n        return _fail(state, event, _feedback(event.verdict, event.commit)), ()\n",
        "",
    ),
    Mutant("the head stays behind", "transitions", "    state = replace(state, head=event.commit)\n", ""),
    Mutant(
        "dependents are not freed",
        "transitions",
        "    return _free_dependents(state, event.task), ()",
        "    return state, ()",
    ),
    Mutant(
        "dependents are freed twice",
        "transitions",
        "    return _free_dependents(state, event.task), ()",
        "    return _free_dependents(_free_dependents(state, event.task), event.task), ()",
    ),
    Mutant("ready while another blocker is open", "transitions", "task.waiting_on == 1:", "task.waiting_on >= 1:"),
    Mutant(
        "a blocker counts twice", "graph", "for blocker in set(task.blocked_by):", "for blocker in task.blocked_by:"
    ),
    Mutant("done blockers block", "transitions", "sum(blocker not in ended for blocker", "sum(True for blocker"),
    # Slots, manifests, order, waves
    Mutant("the slot is freed late", "transitions", "    state = replace(state, busy=state.busy & ~(1 << rank))\n", ""),
    Mutant(
        "one worker too many",
        "choose",
        "state.config.max_workers - state.busy",
        "state.config.max_workers + 1 - state.busy",
    ),
    Mutant(
        "slots are held until the merge",
        "choose",
        "state.config.max_workers - state.busy",
        "state.config.max_workers - state.active",
    ),
    Mutant("overlaps are forgotten", "choose", "candidates = eligible & ~taken", "candidates = eligible"),
    Mutant(
        "overlaps among the chosen are forgotten",
        "choose",
        "        eligible ^= low\n        taken |= overlaps[rank]\n",
        "        eligible ^= low\n",
    ),
    Mutant(
        "a manifest is free at the worker's end",
        "choose",
        "for rank in bits(state.active & ",
        "for rank in bits(state.busy & ",
    ),
    Mutant(
        "letter case separates manifests",
        "manifest",
        "_meet(_stem(one.casefold()), _stem(other.casefold()))",
        "_meet(_stem(one), _stem(other))",
    ),
    Mutant(
        "parents do not overlap with children",
        "manifest",
        "    return all(map(_segments_meet, one, other))",
        "    return len(one) == len(other) and all(map(_segments_meet, one, other))",
    ),
    Mutant("the worst first", "choose", "low = candidates & -candidates", "low = 1 << (candidates.bit_length() - 1)"),
    Mutant(
        "priority is ignored", "graph", "(t.priority, -weight[t.id], natural(t.id))", "(-weight[t.id], natural(t.id))"
    ),
    Mutant("weight is ignored", "graph", "(t.priority, -weight[t.id], natural(t.id))", "(t.priority, natural(t.id))"),
    Mutant("ids are compared as text", "graph", "-weight[t.id], natural(t.id))", "-weight[t.id], t.id)"),
    Mutant("the wave is not joined", "progress", "state.wave & state.open or not state.ready", "not state.ready"),
    Mutant("waves are ignored", "choose", "return state.ready & state.wave", "return state.ready"),
    Mutant(
        "a wave begins in a stop",
        "progress",
        "    if state.stop is not Stop.NONE or state.failing:\n        return state\n",
        "",
    ),
    Mutant(
        "a wave is not landed before the next",
        "progress",
        "    if state.config.land is LandWhen.WAVE and should_land(state):\n        return state\n",
        "",
    ),
    # Failing, skipping, retrying
    Mutant(
        "a retry is not counted",
        "transitions",
        "counts[feedback.kind] = counts.get(feedback.kind, 0) + 1",
        "counts.setdefault(feedback.kind, 0)",
    ),
    Mutant("a retry is lost", "transitions", "retries=tuple(counts.items()))", "retries=None)"),
    Mutant(
        "kinds share one cap", "retries", "return counts.get(kind, 0) < _CAPS", "return sum(counts.values()) < _CAPS"
    ),
    Mutant(
        "lost workers count against max_retries",
        "retries",
        "_BLAMELESS: Final = frozenset({LOST, CONFLICT})",
        "_BLAMELESS: Final = frozenset({CONFLICT})",
    ),
    Mutant(
        "the run's cap goes before the task's",
        "retries",
        "task.max_retries if task.max_retries is not None else run_cap",
        "run_cap if run_cap is not None else task.max_retries",
    ),
    Mutant("one retry too many", "retries", "return counts.get(kind, 0) < ", "return counts.get(kind, 0) <= "),
    Mutant("conflicts are retried like checks", "retries", "    CONFLICT: 1,\n", ""),
    Mutant(
        "only direct dependents are skipped",
        "transitions",
        "            blocked += [(dependent, task_id) for dependent in state.graph.dependents[rank]]\n",
        "",
    ),
    Mutant("nothing is skipped", "transitions", "    return _skip_dependents(state, event)\n", "    return state\n"),
    Mutant(
        "a retry brings no dependents back",
        "transitions",
        "_unskip_dependents(_reopen_cancelled(state), event.task)",
        "_reopen_cancelled(state)",
    ),
    Mutant(
        "a retry reopens whatever was skipped",
        "transitions",
        "task.outcome is Outcome.SKIPPED and not any(_is_failed(state, b) for b in graph.blockers[rank])",
        "task.outcome is Outcome.SKIPPED",
    ),
    Mutant(
        "the skipped are reopened before the cancelled",
        "transitions",
        "_unskip_dependents(_reopen_cancelled(state), event.task)",
        "_reopen_cancelled(_unskip_dependents(state, event.task))",
    ),
    Mutant(
        "a retry keeps the old counts",
        "transitions",
        "_reopen(state, event.task, retries=())",
        "_reopen(state, event.task)",
    ),
    Mutant(
        "completed tasks may be retried",
        "transitions",
        "if task.outcome in (Outcome.COMPLETED, Outcome.SKIPPED):",
        "if task.outcome is Outcome.SKIPPED:",
    ),
    Mutant(
        "a reopened task keeps its slot",
        "transitions",
        "active=state.active & ~bit, busy=state.busy & ~bit)",
        "active=state.active & ~bit)",
    ),
    Mutant("a reopened task keeps its worker", "transitions", "        worker=None,\n", ""),
    Mutant(
        "the next worker is not told why",
        "transitions",
        "    state = _put(state, event.task, replace(task, feedback=feedback))\n    return _reopen",
        "    return _reopen",
    ),
    Mutant("a blocked worker is validated", "transitions", "end.result.status is Claim.BLOCKED:", "False:"),
    Mutant("exit codes are ignored", "transitions", "    if end.exit_code != 0:", "    if end.exit_code < 0:"),
    Mutant("a kill costs a retry", "transitions", "    if end.ending is Ending.KILLED:", "    if False:"),
    Mutant("time-outs are ignored", "transitions", "    if end.ending is Ending.TIMED_OUT:", "    if False:"),
    Mutant("permanent failures are tried again", "transitions", "    if event.permanent:", "    if False:"),
    # Stopping, failing fast, landing, the end
    Mutant("a stop is ignored", "choose", " or state.stop is not Stop.NONE or state.failing:", " or state.failing:"),
    Mutant(
        "fail-fast goes on",
        "choose",
        " or state.stop is not Stop.NONE or state.failing:",
        " or state.stop is not Stop.NONE:",
    ),
    Mutant("fail-fast is never set", "transitions", "        state = replace(state, failing=True)\n", "        pass\n"),
    Mutant(
        "fail-fast cancels in a stop",
        "progress",
        "    if state.failing and state.stop is Stop.NONE:",
        "    if state.failing:",
    ),
    Mutant(
        "fail-fast survives a retry", "transitions", "replace(state, failing=False, stage=", "replace(state, stage="
    ),
    Mutant("resuming does not go on", "transitions", "and unfinished:", "and False:"),
    Mutant(
        "resuming keeps the stop",
        "transitions",
        "session=event.session, stop=Stop.NONE, stop_reason",
        "session=event.session, stop_reason",
    ),
    Mutant(
        "a refused landing is never tried again",
        "transitions",
        'stop_reason="", landing_refused="", landing_hint="")',
        'stop_reason="")',
    ),
    Mutant("a refusal without a reason is none", "transitions", 'event.reason or "no reason given"', "event.reason"),
    Mutant(
        "a forced stop waits for checks",
        "progress",
        "bool(state.busy if state.stop is Stop.FORCE else state.active)",
        "bool(state.active)",
    ),
    Mutant(
        "any stop abandons checks",
        "progress",
        "bool(state.busy if state.stop is Stop.FORCE else state.active)",
        "bool(state.busy)",
    ),
    Mutant("a stopped run lands", "progress", "if state.stop is not Stop.NONE or state.head in", "if state.head in"),
    Mutant(
        "what is never to be landed is landed",
        "progress",
        "    return state.config.land is not LandWhen.NEVER",
        "    return True",
    ),
    Mutant(
        "a head is landed twice", "progress", "state.head in (state.base, state.landed)", "state.head == state.base"
    ),
    Mutant(
        "nothing is landed",
        "progress",
        "state.head in (state.base, state.landed)",
        "state.head in (state.base, state.head)",
    ),
    Mutant(
        "the report comes before the landing",
        "progress",
        "    if should_land(state):\n        return replace",
        "    if state.landed and should_land(state):\n        return replace",
    ),
)


def killers(mutant: Mutant | None) -> Iterator[str]:
    """The suites that fail on a copy of the project with this mutant (None: with no change)."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        ignore = shutil.ignore_patterns("__pycache__")
        for name in ("swarmskill", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        if mutant is not None:
            _break(copy / "swarmskill" / "core" / f"{mutant.file}.py", mutant)
        yield from (name for name, paths in SUITES.items() if not _passes(copy, paths))


def _break(path: Path, mutant: Mutant) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: the text to replace occurs {text.count(mutant.old)} times in {path.name}")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def _passes(copy: Path, paths: Sequence[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "--hypothesis-profile=mutants", *paths]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest could not run:\n{done.stdout}\n{done.stderr}")
    return done.returncode == 0


def main(names: Sequence[str]) -> int:
    """Try the mutants of those names, or all; the number of survivors is the exit code's truth."""
    if killed := list(killers(None)):
        print(f"without any mutant {', '.join(killed)} fail already")
        return 1
    survivors = 0
    for mutant in MUTANTS:
        if names and mutant.name not in names:
            continue
        killed = list(killers(mutant))
        survivors += not killed
        print(f"{mutant.name:50} {', '.join(killed) or 'SURVIVED'}", flush=True)
    print(f"{survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
