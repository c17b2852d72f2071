"""What a build server wants of a run beside its lines: files, annotations, the pushed branch."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.errors import SwarmError, UsageError
from swarmskill.records import dataclass

if TYPE_CHECKING:
    from swarmskill.core.events import Event
    from swarmskill.core.state import State
    from swarmskill.places import RunFolder
    from swarmskill.repo.repository import Repository

BUILD = "Build servers"

JunitOption = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="Write the tasks as JUnit XML at the end.", rich_help_panel=BUILD),
]
SummaryOption = Annotated[
    Path | None,
    typer.Option(
        "--summary",
        metavar="FILE",
        help="Write the report with the graph as Markdown; also to $GITHUB_STEP_SUMMARY.",
        rich_help_panel=BUILD,
    ),
]
PushOption = Annotated[
    str,
    typer.Option("--push", metavar="REMOTE", help="Push the run branch at the end.", rich_help_panel=BUILD),
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options ask for; None and "" for nothing. Paths are absolute."""

    junit: Path | None = None
    summary: Path | None = None
    push: str = ""

    @classmethod
    def of(cls, junit: Path | None, summary: Path | None, push: str) -> Wanted:
        """The options, once it is clear that their files can be written. Raises UsageError."""
        for path in (junit, summary):
            if path is not None and (not path.absolute().parent.is_dir() or path.is_dir()):
                raise UsageError(f"{path} cannot be written", hint=f"mkdir -p {path.parent}, or name another file")
        return cls(junit and junit.absolute(), summary and summary.absolute(), push)

    @property
    def words(self) -> list[str]:
        """The options that were given."""
        given = (("--junit", self.junit), ("--summary", self.summary), ("--push", self.push))
        return [word for word, value in given if value]

    def check(self, repository: Repository) -> None:
        """Raise UsageError before the run if its branch could not be pushed after it."""
        if self.push:
            from swarmskill.repo.push import check_remote

            check_remote(repository, self.push)


def finish(wanted: Wanted, folder: RunFolder, repository: Repository, state: State, *, as_json: bool) -> int:
    """Write, annotate and push; what fails of it is told, the rest is done. Returns 1 if something failed, else 0."""
    from swarmskill.ledger import read_ledger

    events, code = read_ledger(folder.ledger).events, 0
    jobs = _jobs(wanted, os.environ, folder, repository, state, events)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from swarmskill.views.annotations import error_annotations

        for line in error_annotations(state):
            print(line, file=sys.stderr if as_json else sys.stdout, flush=True)
    for job in jobs:
        try:
            job()
        except OSError as error:
            print(f"error: {error.filename or 'a file'} cannot be written: {error.strerror}", file=sys.stderr)
            print(f" hint: the report is in {folder.report}", file=sys.stderr)
            code = 1
        except SwarmError as error:
            print(f"error: {error.message}\n hint: {error.hint}", file=sys.stderr)
            code = error.exit_code
    return code


def _jobs(
    wanted: Wanted,
    environment: Mapping[str, str],
    folder: RunFolder,
    repository: Repository,
    state: State,
    events: tuple[Event, ...],
) -> list[Callable[[], None]]:
    jobs: list[Callable[[], None]] = []
    junit, summary, step = wanted.junit, wanted.summary, environment.get("GITHUB_STEP_SUMMARY")
    if junit is not None:
        from swarmskill.views.junit import junit_xml

        jobs.append(lambda: _write(junit, junit_xml(state, events, folder, time.time())))
    if summary is not None or step:
        from swarmskill.mayor.kindred import family_of
        from swarmskill.views.report import report_markdown

        family = family_of(folder, events, state, held=False)
        page = report_markdown(state, events, folder, time.time(), graph=True, family=family).encode("utf-8", "replace")
        if summary is not None:
            jobs.append(lambda: _write(summary, page))
        if step:
            jobs.append(lambda: _append(Path(step), page))
    if wanted.push:
        jobs.append(lambda: _push(wanted.push, repository, state))
    return jobs


def _write(path: Path, data: bytes) -> None:
    from swarmskill.writing import replace_file

    replace_file(path, data)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _push(remote: str, repository: Repository, state: State) -> None:
    from swarmskill.repo.push import push_run, review_command

    if state.head == state.base:
        print("nothing was pushed: no commit was made", file=sys.stderr)
        return
    push_run(repository, remote, state.run_id)
    print(f"pushed swarm/{state.run_id} to {remote}", file=sys.stderr)
    how = review_command(repository.git, remote, state.run_id, state.config.branch)
    print(f"to have it reviewed: {how}", file=sys.stderr)
