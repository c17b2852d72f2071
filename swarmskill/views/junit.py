"""A run as JUnit XML, which build servers show as test results: each task is a test case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from swarmskill.core.events import Event
from swarmskill.core.state import State
from swarmskill.model import Outcome
from swarmskill.places import RunFolder, attempt_key
from swarmskill.views.attempts import Attempt, attempts_by_task
from swarmskill.views.marks import safe, safe_lines
from swarmskill.views.outcome import run_seconds, task_seconds
from swarmskill.views.run_json import detail, ordered
from swarmskill.views.tracking import tracked_text

_TAIL = 100
"""Lines of output that a failure shows."""

_CHECKED = (Outcome.REJECTED,)
"""Outcomes that are failures of a check; the others that are bad are errors, as JUnit has the words."""


def junit_xml(state: State, events: Iterable[Event], folder: RunFolder, now: float) -> bytes:
    """The document, in UTF-8 with its declaration.

    What decided against a task is its failure, or its error where no check was made; what decided against
    earlier attempts is in `system-out`. Times are seconds. Tasks that were not to be run are skipped.
    """
    attempts = attempts_by_task(events)
    cases = [_case(state, task_id, attempts.get(task_id, ()), folder, now) for task_id in ordered(state)]
    seconds = f"{run_seconds(state, now):.3f}"
    counts = {
        "tests": str(len(cases)),
        "failures": str(_with(cases, "failure")),
        "errors": str(_with(cases, "error")),
    }
    root = ET.Element("testsuites", {"name": "swarm", **counts, "time": seconds})
    started = datetime.fromtimestamp(state.started_at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "name": state.run_id,
            **counts,
            "skipped": str(_with(cases, "skipped")),
            "time": seconds,
            "timestamp": started,
        },
    )
    facts = {"branch": f"swarm/{state.run_id}", "base": state.base, "head": state.head, "tracker": tracked_text(state)}
    properties = ET.SubElement(suite, "properties")
    for name, value in facts.items():
        if value:
            ET.SubElement(properties, "property", {"name": name, "value": value})
    suite.extend(cases)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(state: State, task_id: str, attempts: Iterable[Attempt], folder: RunFolder, now: float) -> ET.Element:
    task, spec = state.tasks[task_id], state.graph.task(task_id)
    subject = spec.subject if spec.subject.startswith(f"[{task_id}]") else f"{task_id}: {spec.subject}"
    case = ET.Element("testcase", {"name": safe(subject), "classname": "swarm"})
    case.set("time", f"{task_seconds(task, now) or 0.0:.3f}")
    tried = list(attempts)
    standing, said = task.standing, safe(detail(state, task_id))
    if standing in (None, Outcome.SKIPPED, Outcome.CANCELLED) or spec.done:
        ET.SubElement(case, "skipped", {"message": said or "not run"})
    elif standing is not Outcome.COMPLETED and standing is not None:
        failed = standing in _CHECKED or task.outcome is Outcome.COMPLETED
        kind = tried[-1].failed.kind.value if tried and tried[-1].failed else standing.value
        kind = "tracker" if task.outcome is Outcome.COMPLETED else kind
        bad = ET.SubElement(case, "failure" if failed else "error", {"type": kind, "message": said or standing.value})
        lines = tried[-1].output(folder.log(attempt_key(task_id, tried[-1].number)), _TAIL) if tried else []
        bad.text = "\n".join(lines or [said])
    out = list(_earlier(tried, completed=task.outcome is Outcome.COMPLETED))
    if task.commit:
        out.append(f"commit {task.commit}")
    if out:
        ET.SubElement(case, "system-out").text = "\n".join(out)
    return case


def _earlier(attempts: list[Attempt], *, completed: bool) -> Iterator[str]:
    """What decided against the attempts before the last one."""
    for attempt in attempts if completed else attempts[:-1]:
        if attempt.problem:
            yield f"attempt {attempt.number}: {safe(attempt.problem)}"
            if attempt.failed is not None:
                yield from safe_lines(attempt.failed.output)[-_TAIL:]


def _with(cases: list[ET.Element], kind: str) -> int:
    return sum(case.find(kind) is not None for case in cases)
