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
    Mutant("the attempt is not compared", "moves", "or task.attempt != event.attempt or task.phase", "or task.phase"),
    Mutant("the phase is not compared", "moves", " or task.phase is not phase:", ":"),
    Mutant("a retry's attempt is not compared", "transitions", " or task.attempt != event.attempt:\n", ":\n"),
    Mutant(
        "a kill of an earlier session counts",
        "transitions",
        "if state.stage is Stage.OVER or event.session != state.session:",
        "if state.stage is Stage.OVER:",
    ),
    Mutant("a run stays killed", "transitions", "        killed=False,\n", ""),
    Mutant("a run starts twice", "transitions", "    if state.run_id:\n        return None\n", ""),
    Mutant(
        "any session may resume",
        "transitions",
        "if event.session != state.session + 1:",
        "if event.session < state.session:",
    ),
    Mutant(
        "any session may stop",
        "transitions",
        "if event.session != state.session or state.stage is Stage.OVER:",
        "if state.stage is Stage.OVER:",
    ),
    Mutant(
        "a weaker stop replaces a stronger",
        "transitions",
        "if _STOPS.index(stop) <= _STOPS.index(state.stop):",
        "if stop is state.stop:",
    ),
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
        "attempts",
        "(Await(event.task, event.attempt, worker.pid, worker.identity, worker.worktree),)",
        "()",
    ),
    Mutant(
        "a worker that starts in a stop is not killed",
        "attempts",
        "    if state.stop in (Stop.NOW, Stop.FORCE):\n        effects +=",
        "    if False:\n        effects +=",
    ),
    Mutant(
        "stop now kills nobody",
        "progress",
        "    if state.stop not in (Stop.NOW, Stop.FORCE):\n        return ()",
        "    if state.stop is not Stop.FORCE:\n        return ()",
    ),
    Mutant("a stop repeats every effect", "progress", "if force or not task.overdrawn)", ")"),
    Mutant(
        "recovery forgets kills",
        "progress",
        "if task.overdrawn or state.stop in (Stop.NOW, Stop.FORCE):",
        "if task.overdrawn:",
    ),
    Mutant("recovery forgets the feedback", "progress", "        task.feedback,\n", "        None,\n"),
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
        "retried = (state.open or state.owed) and state.stop is Stop.NONE",
        "retried = False",
    ),
    # Law 5: completion
    Mutant(
        "complete on a passed check",
        "attempts",
        "task = replace(task, phase=Phase.INTEGRATING, work=event.commit, notes=event.verdict.notes)\n    state = put(state, event.task, task)",
        'task = replace(task, phase=Phase.INTEGRATING, work=event.commit, commit=event.commit)\n    state = free_dependents(end(put(state, event.task, task), event, Outcome.COMPLETED, ""), event.task)',
    ),
    Mutant(
        "a refused verdict is integrated",
        "attempts",
        "    if event.verdict.failed is not None:\n        return fail(state, event, _feedback(task, event.verdict, event.commit))\n",
        "",
    ),
    Mutant("the head stays behind", "attempts", "    state = replace(state, head=event.commit)\n", ""),
    Mutant(
        "dependents are not freed",
        "attempts",
        "    return free_dependents(state, event.task), ()",
        "    return state, ()",
    ),
    Mutant(
        "dependents are freed twice",
        "attempts",
        "    return free_dependents(state, event.task), ()",
        "    return free_dependents(free_dependents(state, event.task), event.task), ()",
    ),
    Mutant("ready while another blocker is open", "moves", "task.waiting_on == 1:", "task.waiting_on >= 1:"),
    Mutant(
        "a blocker counts twice", "graph", "for blocker in set(task.blocked_by):", "for blocker in task.blocked_by:"
    ),
    Mutant("done blockers block", "transitions", "sum(blocker not in ended for blocker", "sum(True for blocker"),
    # Slots, manifests, order, waves
    Mutant(
        "the slot is freed late",
        "attempts",
        "    state = replace(state, busy=state.busy & ~(1 << state.graph.rank[event.task]))\n",
        "",
    ),
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
    Mutant("waves are ignored", "choose", "return ready & state.wave if", "return ready if"),
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
        "moves",
        "counts[feedback.kind] = counts.get(feedback.kind, 0) + 1",
        "counts.setdefault(feedback.kind, 0)",
    ),
    Mutant("a retry is lost", "moves", "retries=tuple(counts.items()))", "retries=None)"),
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
        "moves",
        "            blocked += [(dependent, task_id) for dependent in state.graph.dependents[rank]]\n",
        "",
    ),
    Mutant("nothing is skipped", "moves", "    return _skip_dependents(state, event)\n", "    return state\n"),
    Mutant(
        "a retry brings no dependents back",
        "transitions",
        "unskip_dependents(reopen_cancelled(state), event.task)",
        "reopen_cancelled(state)",
    ),
    Mutant(
        "a retry reopens whatever was skipped",
        "moves",
        "task.outcome is Outcome.SKIPPED and not any(_is_failed(state, b) for b in graph.blockers[rank])",
        "task.outcome is Outcome.SKIPPED",
    ),
    Mutant(
        "the skipped are reopened before the cancelled",
        "transitions",
        "unskip_dependents(reopen_cancelled(state), event.task)",
        "reopen_cancelled(unskip_dependents(state, event.task))",
    ),
    Mutant("a retry keeps the old counts", "moves", "replace(task, retries=(), place=None", "replace(task, place=None"),
    Mutant(
        "completed tasks may be retried",
        "transitions",
        "if task.outcome is Outcome.SKIPPED or task.standing is Outcome.COMPLETED:",
        "if task.outcome is Outcome.SKIPPED:",
    ),
    Mutant(
        "a reopened task keeps its slot",
        "moves",
        "active=state.active & ~bit, busy=state.busy & ~bit)",
        "active=state.active & ~bit)",
    ),
    Mutant("a reopened task keeps its worker", "moves", "        worker=None,\n", ""),
    Mutant(
        "the next worker is not told why",
        "moves",
        "task = replace(task, feedback=feedback, retries",
        "task = replace(task, retries",
    ),
    Mutant("a blocked worker is validated", "attempts", "over.result.status is Claim.BLOCKED:", "False:"),
    Mutant("exit codes are ignored", "attempts", "over.exit_code != 0 and", "over.exit_code < 0 and"),
    Mutant(
        "a kill costs a retry",
        "attempts",
        "    if over.ending is Ending.KILLED and not (task.overdrawn and claims_done):\n        return _break_off(state, event), ()",
        '    if over.ending is Ending.KILLED and not (task.overdrawn and claims_done):\n        return fail(state, event, Feedback(kind=CheckKind.EXIT, detail=""))',
    ),
    Mutant("time-outs are ignored", "attempts", "    if over.ending is Ending.TIMED_OUT:", "    if False:"),
    Mutant("permanent failures are tried again", "attempts", "    if event.permanent:", "    if False:"),
    # Stopping, failing fast, landing, the end
    Mutant("a stop is ignored", "choose", " or state.stop is not Stop.NONE or state.failing:", " or state.failing:"),
    Mutant(
        "fail-fast goes on",
        "choose",
        " or state.stop is not Stop.NONE or state.failing:",
        " or state.stop is not Stop.NONE:",
    ),
    Mutant("fail-fast is never set", "moves", "        state = replace(state, failing=True)\n", "        pass\n"),
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
        '        stop=Stop.NONE,\n        stop_reason="",\n        exhausted=False,\n        summary=None,',
        "        exhausted=False,\n        summary=None,",
    ),
    Mutant(
        "a refused landing is never tried again",
        "transitions",
        '        summary=None,\n        landing_refused="",\n        landing_hint="",\n',
        "        summary=None,\n",
    ),
    Mutant("a refusal without a reason is none", "transitions", 'event.reason or "no reason given"', "event.reason"),
    Mutant(
        "a forced stop waits for checks",
        "progress",
        "bool(state.busy if state.stop is Stop.FORCE else state.active | state.owed)",
        "bool(state.active | state.owed)",
    ),
    Mutant(
        "any stop abandons checks",
        "progress",
        "bool(state.busy if state.stop is Stop.FORCE else state.active | state.owed)",
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
    # Delays, and tasks' own policies
    Mutant("a task that waits is started", "choose", "~state.owed & ~state.delayed", "~state.owed"),
    Mutant("nobody waits for a task that waits", "progress", "        if state.delayed or any(", "        if any("),
    Mutant(
        "recovery forgets who waits",
        "progress",
        "yield BackOff(task_id, task.attempt, task.delayed_until)",
        "yield from ()",
    ),
    Mutant("a wait is over at once", "moves", "    until = event.at + seconds\n", "    until = event.at\n"),
    Mutant("a wait does not grow", "retries", "2.0 ** min(failures - 1, _MOST_DOUBLINGS)", "1.0"),
    Mutant("a wait grows for ever", "retries", "    return min(first * 2.0", "    return max(first * 2.0"),
    Mutant(
        "a task's own wait is ignored",
        "retries",
        "task.retry_delay if task.retry_delay is not None else run_delay",
        "run_delay",
    ),
    Mutant(
        "a task's own policy is ignored",
        "retries",
        "return task.on_failure if task.on_failure is not None else of_run",
        "return of_run",
    ),
    Mutant(
        "the cancelled still wait",
        "progress",
        "tasks=tasks, open=0, ready=0, delayed=0)",
        "tasks=tasks, open=0, ready=0)",
    ),
    # Slots that runs share
    Mutant("others start before who waits for a slot", "choose", " or state.queued:  # who", ":  # who"),
    Mutant(
        "a stop leaves who waits for a slot",
        "transitions",
        "return after, effects + more + recalls",
        "return after, effects + more",
    ),
    Mutant("a stopped run lets others queue", "attempts", "if winds_down(state) else ()", "if False else ()"),
    Mutant(
        "recovery forgets recalls",
        "progress",
        "            yield Recall(task_id, task.attempt)",
        "            yield from ()",
    ),
    Mutant(
        "a worker that started still waits",
        "attempts",
        'phase=Phase.RUNNING, worker=worker, queued="")',
        "phase=Phase.RUNNING, worker=worker)",
    ),
    Mutant(
        "a withdrawn probe stays",
        "attempts",
        "return reopen(probe_gone(state, event.task), event.task), ()",
        "return reopen(state, event.task), ()",
    ),
    Mutant(
        "a reason is told twice",
        "attempts",
        "if task is None or task.queued or not event.reason:",
        "if task is None or not event.reason:",
    ),
    Mutant(
        "a lifted limit stays",
        "transitions",
        "replace(state.config, **{**given, **lifted})",
        "replace(state.config, **given)",
    ),
    Mutant(
        "what must be limited can be lifted",
        "transitions",
        " for name in event.lifted if name in LIFTABLE)",
        " for name in event.lifted)",
    ),
    # Stalls and breakdowns
    Mutant(
        "a stall is told twice",
        "attempts",
        "task.stalled_since or event.since <= task.last_stall",
        "event.since < task.last_stall",
    ),
    Mutant("an old stall comes back", "attempts", " or event.since <= task.last_stall:", ":"),
    Mutant(
        "any word ends a stall",
        "attempts",
        "not task.stalled_since or event.since != task.stalled_since",
        "not task.stalled_since",
    ),
    Mutant(
        "a stall outlives its worker",
        "attempts",
        "settled=task.settled + usage, stalled_since=0.0)",
        "settled=task.settled + usage)",
    ),
    Mutant("stalls are no breakdowns", "attempts", "if failure.kind == CheckKind.STALLED:", "if False:"),
    Mutant("crashes are no breakdowns", "attempts", "if problem.kind is Trouble.CRASHED:", "if False:"),
    Mutant("five breakdowns are enough", "gates", "_BREAKDOWNS: Final = 6", "_BREAKDOWNS: Final = 5"),
    Mutant("old breakdowns count", "gates", " or at - times[0] > _BREAKDOWN_SPAN:", ":"),
    Mutant("an agent that is left keeps its tasks", "progress", "    state = leave_degraded(state)\n", ""),
    Mutant("tasks leave the agent that they name", "gates", "    if fixed_agent(spec):\n        return state\n", ""),
    Mutant(
        "breakdowns outlive a resumption",
        "gates",
        "            breakdowns = breakdowns.remove(agent)\n",
        "            pass\n",
    ),
    # Pools
    Mutant(
        "a task's own agent is ignored",
        "graph",
        'return spec.agent or ("command" if spec.run else "")',
        'return "command" if spec.run else ""',
    ),
    Mutant(
        "a command goes to any agent",
        "graph",
        'return spec.agent or ("command" if spec.run else "")',
        "return spec.agent",
    ),
    Mutant(
        "a task changes its agent",
        "choose",
        "agent = state.tasks[state.graph.tasks[rank].id].agent or nearest",
        "agent = nearest or state.tasks[state.graph.tasks[rank].id].agent",
    ),
    Mutant("the agent with the least room", "choose", "best = max((share.agent", "best = min((share.agent"),
    Mutant("a start takes no room", "choose", "        room[agent] -= 1\n", ""),
    Mutant("shares are ignored", "choose", "if share.agent == agent and share.workers is not None]", "if False]"),
    Mutant(
        "an agent's own limit is ignored", "choose", "        limits.append(options.max_workers)\n", "        pass\n"
    ),
    Mutant(
        "a task is never bound",
        "progress",
        "bound=state.bound.insert(agent, state.bound.get(agent, 0) | bit),",
        "bound=state.bound,",
    ),
    Mutant(
        "a retry keeps the agent", "moves", "    if task.agent and task.agent != fixed_agent(spec):", "    if False:"
    ),
    Mutant(
        "a retry frees what only one agent can do",
        "moves",
        "    if task.agent and task.agent != fixed_agent(spec):",
        "    if task.agent:",
    ),
    Mutant("full agents are not passed over", "choose", "if places <= 0))", "if places < 0))"),
    # Gates
    Mutant(
        "nobody is turned away",
        "choose",
        "    if gate is not None and (gate.door is not Door.PROBING or gate.probe):\n        return 0\n",
        "",
    ),
    Mutant("everybody tries", "choose", "return min(left, 1 if gate is not None else free)", "return min(left, free)"),
    Mutant(
        "a second one tries", "choose", "(gate.door is not Door.PROBING or gate.probe)", "gate.door is not Door.PROBING"
    ),
    Mutant(
        "a rest is asked for twice",
        "gates",
        "    if gate is not None and gate.door is not Door.PROBING:\n        return state, ()  # another worker was told the same\n",
        "",
    ),
    Mutant("strikes do not add up", "gates", "strikes = gate.strikes + 1 if gate else 1", "strikes = 1"),
    Mutant("a thirteenth try", "gates", "if strikes > _STRIKES:", "if strikes > _STRIKES + 1:"),
    Mutant(
        "the service's time is ignored",
        "gates",
        "if asked is None else max(seconds, asked + spread)",
        "if True else asked",
    ),
    Mutant("the service's second is believed", "gates", "max(seconds, asked + spread)", "asked + spread"),
    Mutant("a wait has no end", "gates", "min(2.0**strikes, _LONGEST)", "2.0**strikes"),
    Mutant("any rest opens the gate", "gates", " or gate.strikes != strikes:", ":"),
    Mutant("a rest is over twice", "gates", "gate.door is not Door.RESTING or gate", "gate"),
    Mutant(
        "nobody is the one that tries",
        "gates",
        "    return _put(state, agent, replace(gate, probe=task_id))",
        "    return state",
    ),
    Mutant(
        "anybody's answer opens the gate",
        "gates",
        "    if gate is None or gate.probe != task_id:\n        return state\n    return replace(state, gates=state.gates.remove(agent))",
        "    if gate is None:\n        return state\n    return replace(state, gates=state.gates.remove(agent))",
    ),
    Mutant(
        "resuming leaves gates shut",
        "gates",
        "        if gate.door in CLOSED:\n            gates",
        "        if False:\n            gates",
    ),
    Mutant(
        "resuming ends every rest",
        "gates",
        "        if gate.door in CLOSED:\n            gates",
        "        if gate.door is not Door.PROBING:\n            gates",
    ),
    Mutant(
        "recovery forgets a rest",
        "progress",
        "            yield Rest(agent, gate.strikes, gate.until)",
        "            yield from ()",
    ),
    Mutant(
        "a lost worker tries for ever",
        "attempts",
        "probe_gone(_settle(state, event.task, task.used), event.task)",
        "_settle(state, event.task, task.used)",
    ),
    Mutant(
        "a failed spawn tries for ever",
        "attempts",
        "    state = probe_gone(state, event.task)\n    if event.permanent",
        "    if event.permanent",
    ),
    Mutant(
        "a killed worker opens the gate",
        "attempts",
        "probe_gone(state, event.task) if over.ending is Ending.KILLED else answered(state, event.task)",
        "answered(state, event.task)",
    ),
    Mutant(
        "a silent agent opens the gate",
        "attempts",
        "    if event.usage.tokens:\n        state",
        "    if True:\n        state",
    ),
    Mutant("a limit is a failure", "attempts", "    if problem.kind in GATED:", "    if False:"),
    Mutant("a login is a failure", "attempts", "    if problem.kind is Trouble.AUTH:", "    if False:"),
    Mutant(
        "what is done is not judged after a limit",
        "attempts",
        "problem = None if claims_done or event.over_memory else _problem(over)",
        "problem = None if event.over_memory else _problem(over)",
    ),
    Mutant(
        "what a killed agent says is believed",
        "attempts",
        "or over.ending is Ending.EXITED or problem.kind in _OUTSIDE:",
        "or over.ending is not Ending.TIMED_OUT or problem.kind in _OUTSIDE:",
    ),
    Mutant(
        "what an ended agent says is believed",
        "attempts",
        "over.ending is Ending.KILLED or problem.kind is Trouble.CRASHED else",
        "over.ending is Ending.KILLED else",
    ),
    Mutant("a killed agent's limit is not heard", "attempts", "or problem.kind in _OUTSIDE:", ":"),
    Mutant(
        "any rest keeps the run waiting",
        "progress",
        "for gate in gates.values()):\n            return state, ()",
        "for gate in state.gates.values()):\n            return state, ()",
    ),
    Mutant(
        "a shut gate ends the run between waves",
        "progress",
        " and not _between_waves(state):\n        gates",
        ":\n        gates",
    ),
    Mutant(
        "a run that cannot go on waits",
        "progress",
        "        state = _give_up(state, gates)\n",
        "        return state, ()\n",
    ),
    # Budgets
    Mutant("the run's budget is ignored", "budget", "    if unlimited or state.stop", "    if True or state.stop"),
    Mutant("running workers cost nothing", "budget", "if used is not NOTHING_USED:", "if False:"),
    Mutant("tokens are free", "budget", "usage.tokens >= max_tokens", "usage.tokens > 10**12"),
    Mutant("a limit is reached late", "budget", ">= max_cost:", "> max_cost:"),
    Mutant("work that needs no money is stopped", "budget", "state.open & ~(state.active & ~state.busy)", "state.open"),
    Mutant(
        "a failing run is stopped for what it will not do",
        "budget",
        "state.busy if state.failing else state.open",
        "state.open",
    ),
    Mutant(
        "drain stops at once",
        "budget",
        "Stop.GRACEFUL if state.config.on_exhaust is OnExhaust.DRAIN else Stop.NOW",
        "Stop.NOW",
    ),
    Mutant(
        "stop drains",
        "budget",
        "Stop.GRACEFUL if state.config.on_exhaust is OnExhaust.DRAIN else Stop.NOW",
        "Stop.GRACEFUL",
    ),
    Mutant(
        "a spent budget kills nobody",
        "progress",
        "kills = kills_of(state) if state.exhausted and within_budget else ()",
        "kills = ()",
    ),
    Mutant(
        "a spent budget kills at every event",
        "progress",
        "if state.exhausted and within_budget else",
        "if state.exhausted else",
    ),
    Mutant(
        "nobody sums up",
        "progress",
        "    if state.exhausted and state.config.on_exhaust is OnExhaust.SUMMARY and state.summary is None:",
        "    if False:",
    ),
    Mutant("a summary without end", "progress", " and state.summary is None:", ":"),
    Mutant(
        "any session sums up",
        "transitions",
        "if state.stage is not Stage.SUMMING or event.session != state.session:",
        "if state.stage is not Stage.SUMMING:",
    ),
    Mutant(
        "recovery forgets the summary",
        "progress",
        "        yield Summarise(state.session, state.config.pool[0].agent)",
        "        yield from ()",
    ),
    Mutant(
        "force waits for the summary",
        "transitions",
        "    if state.stage is Stage.SUMMING and stop is Stop.FORCE:",
        "    if False:",
    ),
    Mutant(
        "more money lifts nothing",
        "transitions",
        "if state.exhausted and enough and state.stage",
        "if False and state.stage",
    ),
    Mutant(
        "too little money lifts the stop",
        "transitions",
        "if state.exhausted and enough and state.stage",
        "if state.exhausted and state.stage",
    ),
    Mutant(
        "more money undoes a person's stop",
        "transitions",
        "        return (replace(state, exhausted=False), ()) if state.exhausted else None",
        "        return None",
    ),
    Mutant(
        "more money undoes a person's stronger stop",
        "transitions",
        "stop_reason=event.reason, exhausted=False)",
        "stop_reason=event.reason)",
    ),
    Mutant(
        "more money revives a run that is over",
        "transitions",
        "    if state.exhausted and enough and state.stage is Stage.RUNNING:",
        "    if state.exhausted and enough:",
    ),
    Mutant(
        "an overdrawn task goes on",
        "attempts",
        "    return state, (Kill(event.task, event.attempt),)",
        "    return state, ()",
    ),
    Mutant(
        "an overdrawn task is killed at every report",
        "attempts",
        "    if task.overdrawn or not overdrawn or state.stop",
        "    if not overdrawn or state.stop",
    ),
    Mutant(
        "recovery forgets the kill of an overdrawn task",
        "progress",
        "if task.overdrawn or state.stop in (Stop.NOW, Stop.FORCE):",
        "if state.stop in (Stop.NOW, Stop.FORCE):",
    ),
    Mutant(
        "an overdrawn task is tried again", "moves", "    if short := task_shortage(task, spec):", '    if short := "":'
    ),
    Mutant(
        "an overdrawn task is paused",
        "attempts",
        "    if short := task_shortage(state.tasks[event.task], state.graph.task(event.task)):",
        '    if short := "":',
    ),
    Mutant("an overdrawn task is not judged", "attempts", "and not (task.overdrawn and claims_done):", ":"),
    Mutant("an attempt stays overdrawn", "moves", "        overdrawn=False,\n", ""),
    Mutant(
        "the task's cap stops the run", "attempts", "    if before.allowance == task_left(", "    if None is task_left("
    ),
    Mutant(
        "a cap stops nothing", "attempts", "left is None or before.allowance is None or left > before.allowance", "True"
    ),
    Mutant("a cap stops the run that was given more", "attempts", " or left > before.allowance:", ":"),
    Mutant("an attempt may spend what is spent", "budget", "limit - (used.cost_usd or 0.0)", "limit"),
    Mutant("the task's own limit is not passed on", "budget", "for left in both if", "for left in both[:1] if"),
    Mutant(
        "nothing is settled",
        "attempts",
        "return replace(put(state, task_id, task), settled=state.settled + usage)",
        "return put(state, task_id, task)",
    ),
    Mutant(
        "what is settled stays in use",
        "attempts",
        "task = replace(task, used=NOTHING_USED, settled",
        "task = replace(task, settled",
    ),
    Mutant(
        "a lost worker cost nothing",
        "attempts",
        "_settle(state, event.task, task.used)",
        "_settle(state, event.task, NOTHING_USED)",
    ),
    Mutant("a late report takes money back", "attempts", "    if new < old or (new == old", "    if (new == old"),
    Mutant(
        "an end without a report cost nothing",
        "attempts",
        "usage = task.used if report.usage == NOTHING_USED else report.usage",
        "usage = report.usage",
    ),
    # Going on
    Mutant("conversations are forgotten", "attempts", "session=over.report.session)", 'session="")'),
    Mutant(
        "a reported conversation is forgotten",
        "attempts",
        "session=report.session or task.session, usage",
        "session=report.session, usage",
    ),
    Mutant("every retry goes on", "moves", " or kind not in retries.CONTINUED:", ":"),
    Mutant("fresh is ignored", "moves", "fresh = state.config.fresh and kind", "fresh = False and kind"),
    Mutant(
        "fresh breaks pauses",
        "moves",
        "kind not in (retries.PAUSED, Trouble.CONTEXT_FULL)",
        "kind != Trouble.CONTEXT_FULL",
    ),
    Mutant("a full conversation goes on", "moves", "    if kind == Trouble.CONTEXT_FULL:\n", "    if False:\n"),
    Mutant(
        "a place without a conversation is left",
        "moves",
        "known = task.session or task.place ",
        "known = task.session ",
    ),
    Mutant("a retry goes on", "moves", 'retries=(), place=None, session="", session_used=NOTHING_USED)', "retries=())"),
    Mutant(
        "a refused merge goes on", "attempts", "    state = put(state, event.task, replace(task, worker=None))\n", ""
    ),
    Mutant("the worker begins elsewhere", "progress", 'worktree=place.worktree if place else "",', 'worktree="",'),
    Mutant(
        "what the conversation used is not added up",
        "moves",
        "session_used=task.session_used + used)",
        "session_used=used)",
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
