"""Evidence from real files, real git trees and real commands."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from swarmskill.model import Change, ChangeKind, Check, CheckKind, CheckResult, Evidence, Task
from swarmskill.validation.commands import Ran
from swarmskill.validation.contract import judge_merged
from swarmskill.validation.evidence import check_again, gather

GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}


@dataclass
class Runner:
    """Runs commands as a backend would, and remembers them."""

    calls: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], *, cwd: Path, timeout: float, log: Path) -> Ran:
        self.calls.append(tuple(argv))
        began = time.monotonic()
        with log.open("xb") as output:  # each command has a log of its own
            try:
                done = subprocess.run(
                    argv,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=timeout,
                    check=False,
                )
                code, late, why = done.returncode, False, ""
            except subprocess.TimeoutExpired:
                code, late, why = 137, True, ""
            except OSError as error:
                code, late, why = 127, False, error.strerror or "?"
        text = log.read_text(errors="replace")
        return Ran(exit_code=code, output=text, seconds=time.monotonic() - began, timed_out=late, cannot_start=why)


@dataclass
class Attempt:
    """A repository with one commit, and what a worker leaves in it."""

    folder: Path
    run: Runner = field(default_factory=Runner)
    logs: list[int] = field(default_factory=list)

    def git(self, *words: str) -> str:
        done = subprocess.run(("git", *words), cwd=self.folder, env=GIT, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, path: str, text: str = "text\n") -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def tree_has(self) -> Callable[[str], bool]:
        self.git("add", "-A")
        tree = self.git("write-tree")

        def has(path: str) -> bool:
            asked = subprocess.run(("git", "cat-file", "-e", f"{tree}:{path}"), cwd=self.folder, env=GIT, check=False)
            return asked.returncode == 0

        return has

    def log(self) -> Callable[[int], Path]:
        """Log files for one gathering."""
        logs = Path(tempfile.mkdtemp(dir=self.folder.parent))

        def log(number: int) -> Path:
            self.logs.append(number)
            return logs / f"check-{number}.log"

        return log

    def gather(self, *checks: Check, artifacts: Sequence[str] = ()) -> Evidence:
        return gather(
            Task(id="3", subject="s", checks=checks),
            self.folder,
            (Change("a.py", ChangeKind.ADDED, 4),),
            [("a.py", 1, "text")],
            run=self.run,
            tree_has=self.tree_has(),
            log=self.log(),
            max_file_bytes=1000,
            artifacts=artifacts,
        )

    def last(self, *checks: Check, artifacts: Sequence[str] = ()) -> CheckResult:
        return self.gather(*checks, artifacts=artifacts).results[-1]


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    made = Attempt(tmp_path / "worktree")
    made.folder.mkdir()
    made.git("init", "-q")
    made.write("a.py", "import os\n\ndef login(user):\n    return user\n")
    made.write(".gitignore", "build/\n*.tmp\n")
    return made


def exists(*paths: str) -> Check:
    return Check(kind=CheckKind.FILES_EXIST, name="files_exist", paths=paths)


def content(path: str, *patterns: str, timeout: float = 600.0) -> Check:
    return Check(kind=CheckKind.CONTENT_CHECK, name="content", paths=(path,), patterns=patterns, timeout=timeout)


def command(line: str, kind: CheckKind = CheckKind.TESTS, *, shell: bool = False, timeout: float = 60.0) -> Check:
    return Check(kind=kind, name=kind.value, command=line, shell=shell, timeout=timeout)


def python(code: str) -> str:
    return f"{sys.executable} -c '{code}'"


# Order


def test_the_cheapest_failure_stops_everything_behind_it(attempt: Attempt) -> None:
    evidence = attempt.gather(command("true"), exists("nowhere.py"), command("true", CheckKind.LINT))
    assert [result.kind.value for result in evidence.results] == ["scope", "markers", "size", "secrets", "files_exist"]
    assert [result.passed for result in evidence.results] == [True, True, True, True, False]
    assert attempt.run.calls == []


def test_every_check_is_made_when_all_pass(attempt: Attempt) -> None:
    checks = (
        command("true", CheckKind.CUSTOM),
        command("true"),
        command("true", CheckKind.LINT),
        content("a.py", "login"),
        exists("a.py"),
    )
    evidence = attempt.gather(*checks)
    assert all(result.passed for result in evidence.results)
    made = [result.kind.value for result in evidence.results[4:]]
    assert made == ["files_exist", "content_check", "lint", "tests", "custom"]
    assert attempt.logs == [1, 2, 3]


# files_exist


@pytest.mark.parametrize("path", ["a.py", "./a.py", "src/deep", "src/deep/", "src//deep/b.py", "link.py", "way/b.py"])
def test_what_would_be_committed_exists(attempt: Attempt, path: str) -> None:
    attempt.write("src/deep/b.py")
    (attempt.folder / "link.py").symlink_to("a.py")
    (attempt.folder / "way").symlink_to("src/deep")
    assert attempt.last(exists(path)).passed


def test_a_missing_path_is_named(attempt: Attempt) -> None:
    assert attempt.last(exists("a.py", "b.py", "c.py")).detail == "b.py does not exist, c.py does not exist"


@pytest.mark.parametrize("path", ["build/out.js", "build", "notes.tmp"])
def test_an_ignored_file_does_not_count_and_the_way_out_is_told(attempt: Attempt, path: str) -> None:
    attempt.write("build/out.js")
    attempt.write("notes.tmp")
    detail = attempt.last(exists(path)).detail
    assert detail.startswith(f"{path} exists in the worktree but would not be committed, for git ignores it")
    assert "`files`" in detail and ".gitignore" in detail


def test_an_empty_folder_does_not_count(attempt: Attempt) -> None:
    (attempt.folder / "docs" / "new").mkdir(parents=True)
    assert "git keeps none" in attempt.last(exists("docs")).detail


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.txt", "src/../../outside.txt", "", ".", "a\0b"])
def test_a_path_outside_the_repository_never_counts(attempt: Attempt, path: str) -> None:
    (attempt.folder.parent / "outside.txt").write_text("x")
    assert "is not a path inside the repository" in attempt.last(exists(path)).detail


def test_a_link_that_leads_out_does_not_make_its_target_exist(attempt: Attempt) -> None:
    (attempt.folder / "out").symlink_to("/etc")
    assert "leads out of the worktree" in attempt.last(exists("out/passwd")).detail


# content_check


@pytest.mark.parametrize(
    "pattern", ["def login", r"^def \w+\(user\):$", "(?i)IMPORT", "login|logout", r"os\n\ndef", "return user$"]
)
def test_a_pattern_is_searched_as_a_regular_expression_with_lines(attempt: Attempt, pattern: str) -> None:
    assert attempt.last(content("a.py", pattern)).passed


def test_line_ends_of_windows_do_not_matter(attempt: Attempt) -> None:
    (attempt.folder / "w.txt").write_bytes(b"one\r\ntwo\r\n\xff")
    assert attempt.last(content("w.txt", "^one$", r"^tw\w$", "\ufffd")).passed


@pytest.mark.parametrize("pattern", ["logout", "log[aeiu]ut+", "def login$"])
def test_a_pattern_that_is_not_found_is_told(attempt: Attempt, pattern: str) -> None:
    result = attempt.last(content("a.py", "login", pattern))
    assert not result.passed
    assert result.detail == f"a.py: the pattern is not found: {pattern}"


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2}{3}", "(a*", "\\"])
def test_what_is_no_pattern_is_told(attempt: Attempt, pattern: str) -> None:
    assert "cannot be searched (not a regular expression" in attempt.last(content("a.py", pattern)).detail


def test_a_pattern_that_backtracks_without_end_is_stopped(attempt: Attempt) -> None:
    attempt.write("evil.txt", "a" * 100 + "!")
    result = attempt.last(content("evil.txt", "(a+)+$", timeout=0.5))
    assert "not done after 0.5 s: the pattern backtracks too much" in result.detail


def test_only_the_beginning_of_a_huge_file_is_searched(attempt: Attempt) -> None:
    with (attempt.folder / "huge.txt").open("wb") as file:
        file.write(b"first\n")
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"last\n")

    def has(path: str) -> bool:  # not git, which would read the whole file
        return path == "huge.txt"

    def made(pattern: str) -> bool:
        checks = [content("huge.txt", pattern)]
        results = check_again(checks, attempt.folder, run=attempt.run, tree_has=has, log=attempt.log())
        return results[0].passed

    assert made("first")
    assert not made("last")


def test_content_is_never_read_through_a_link_that_leads_out(attempt: Attempt) -> None:
    (attempt.folder.parent / "secret.txt").write_text("hello")
    (attempt.folder / "link.txt").symlink_to("../secret.txt")
    (attempt.folder / "dangling").symlink_to("nowhere")
    (attempt.folder / "loop").symlink_to("loop")
    for path in ("link.txt", "dangling", "loop"):
        assert "leads out of the worktree" in attempt.last(content(path, "hello")).detail
    (attempt.folder / "inner.py").symlink_to("a.py")
    assert attempt.last(content("inner.py", "login")).passed


def test_what_is_not_a_file_is_not_searched(attempt: Attempt) -> None:
    attempt.write("src/b.py")
    os.mkfifo(attempt.folder / "pipe")

    def everything(path: str) -> bool:
        return True

    for path in ("src", "pipe"):
        for pattern in ("x", "x+"):
            checks = [content(path, pattern)]
            made = check_again(checks, attempt.folder, run=attempt.run, tree_has=everything, log=attempt.log())
            assert "cannot be searched (not a regular file)" in made[0].detail


def test_an_ignored_files_content_does_not_count(attempt: Attempt) -> None:
    attempt.write("build/a.py", "login")
    assert "git ignores it" in attempt.last(content("build/a.py", "login")).detail


# Commands


def test_a_command_runs_in_the_worktree_without_a_shell(attempt: Attempt) -> None:
    result = attempt.last(
        command(python('import os, sys; print(os.getcwd()); print("$HOME", *sys.argv[1:])') + " '&&' x")
    )
    assert result.passed
    assert result.output == f"{os.path.realpath(attempt.folder)}\n$HOME && x"
    assert Path(result.log).read_text().strip() == result.output
    assert result.seconds > 0


def test_a_failed_command_tells_the_exit_code_and_the_end_of_its_output(attempt: Attempt) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4gH6"
    code = f'[print("line", n) for n in range(2000)]; print(chr(27) + "[31m" + "{token}" + chr(27) + "[0m"); raise SystemExit(3)'
    result = attempt.last(command(python(code)))
    assert not result.passed
    assert result.detail.endswith(": exit code 3")
    assert result.output.endswith("line 1999\n[masked: GitHub token]")
    assert len(result.output) <= 4000
    assert token not in result.detail


def test_a_shell_is_used_only_when_the_task_says_so(attempt: Attempt) -> None:
    line = "printf one > out.txt && cat out.txt"
    assert "`shell: true`" in attempt.last(command(f"{sys.executable} -c 'raise SystemExit(1)' && true")).detail
    assert not (attempt.folder / "out.txt").exists()
    with_shell = attempt.last(command(line, shell=True))
    assert with_shell.passed
    assert with_shell.output == "one"
    assert "`shell: true`" not in attempt.last(command("false && true", shell=True)).detail


def test_a_command_that_cannot_start_or_end_or_be_read_is_told(attempt: Attempt) -> None:
    assert attempt.last(command("no-such-program --flag")).detail.startswith(
        "`no-such-program --flag`: cannot be started: "
    )
    late = attempt.last(command(python("import time; time.sleep(60)"), timeout=0.3))
    assert late.detail.endswith("timed out after 0.3 s")
    assert "cannot be read as shell words" in attempt.last(command("echo 'open")).detail
    assert "the command is empty" in attempt.last(command("  ")).detail


# Artifacts


def test_claimed_artifacts_must_be_in_the_tree_when_the_task_has_no_checks(attempt: Attempt) -> None:
    attempt.write("build/x")
    assert attempt.last(artifacts=["a.py", str(attempt.folder / "a.py")]).passed
    for absent in ("b.py", "build/x", "/etc/passwd", "../x"):
        result = attempt.last(artifacts=["a.py", absent])
        assert (result.kind, result.name, result.passed) == (CheckKind.CLAIM, "artifacts", False)
        assert absent in result.detail
    assert attempt.last(exists("a.py"), artifacts=["b.py"]).passed


# Merged results


def test_all_checks_are_made_again_on_a_merged_result(attempt: Attempt) -> None:
    suite = Check(kind=CheckKind.LINT, name="suite", command="false", cross_cutting=True)
    checks = [suite, command("true"), exists("a.py")]
    has = attempt.tree_has()
    results = check_again(checks, attempt.folder, run=attempt.run, tree_has=has, log=attempt.log())
    assert [(result.name, result.passed) for result in results] == [
        ("files_exist", True),
        ("tests", True),
        ("suite", False),
    ]
    assert results[-1].cross_cutting
    assert judge_merged(checks, results).failed == results[-1]


def test_a_run_wide_check_is_not_made_on_the_attempt_itself(attempt: Attempt) -> None:
    suite = Check(kind=CheckKind.TESTS, name="suite", command="false", cross_cutting=True)
    assert attempt.last(suite, exists("a.py")).kind is CheckKind.FILES_EXIST
    assert attempt.run.calls == []
