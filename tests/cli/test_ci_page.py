"""The jobs of references/ci.md: their script parts run as a build server runs them, in a shallow, detached clone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import TOP, User

PAGE = TOP / "references" / "ci.md"
WORKER = "sh -c 'echo done > $SWARM_TASK_ID.txt'"


def jobs() -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)]


def scripts() -> Iterator[tuple[str, list[str]]]:
    """What each job runs, but for what it installs."""
    github, gitlab = jobs()
    steps = github["jobs"]["wave"]["steps"]
    yield "github", [step["run"] for step in steps if "run" in step and step["name"] != "Install"]
    yield "gitlab", gitlab["wave"]["script"]


@pytest.fixture
def checkout(stranger: User) -> Path:
    """What a build server makes of a repository with the sample wave: one commit deep, on no branch, nobody's name set."""
    (stranger.home / ".gitconfig").unlink()
    origin = stranger.base / "origin"
    shutil.copytree(TOP / "fixtures" / "wave", origin)
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    stranger.git("init", "-q", "-b", "main", folder=origin)
    for number in (1, 2):
        (origin / "history").write_text(f"{number}\n")
        stranger.git("add", "-A", folder=origin)
        stranger.git(*who, "commit", "-q", "-m", str(number), folder=origin)
    checkout = stranger.base / "checkout"
    checkout.mkdir()
    for words in (
        ("init", "-q"),
        ("remote", "add", "origin", f"file://{origin}"),
        ("fetch", "-q", "--depth=1", "origin", "main"),
        ("checkout", "-q", "--detach", "FETCH_HEAD"),
    ):
        stranger.git(*words, folder=checkout)
    return checkout


@pytest.fixture
def server(stranger: User) -> User:
    bin_folder = stranger.base / "bin"
    bin_folder.mkdir()
    shutil.copy(TOP / "tests" / "standins" / "ol", bin_folder / "ol")
    stranger.place_program("swarm", 'exec python3 -m swarmskill "$@"')
    stranger.environment |= {"OL_LOG": str(stranger.base / "calls"), "CI": "true", "SWARM_AGENT_CMD": WORKER}
    return stranger


@pytest.mark.parametrize(("name", "script"), list(scripts()), ids=lambda value: value if isinstance(value, str) else "")
def test_the_script_of_the_job_runs(server: User, checkout: Path, name: str, script: list[str]) -> None:
    environment = {**server.environment, "SWARM_AGENT": "command"}
    if name == "github":
        environment |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(server.base / "step.md")}
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(script)],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2/2 ratcheted:" in done.stdout
    assert "\x1b" not in done.stdout
    assert sorted((server.base / "calls").read_text().splitlines()) == [
        f"hero ratchet auth.{number} --quest auth" for number in (1, 2)
    ]
    assert 'tests="3"' in (checkout / "swarm.xml").read_text()
    branches = server.git("for-each-ref", "--format=%(refname)", "refs/heads/swarm", folder=server.base / "origin")
    if name == "github":
        assert "```mermaid" in (server.base / "step.md").read_text()
        assert branches.startswith("refs/heads/swarm/")
    else:
        assert "```mermaid" in (checkout / "swarm.md").read_text()
        assert branches == ""


def test_without_home_the_fix_is_made_of_variables(server: User, checkout: Path) -> None:
    environment = {**server.environment, "SWARM_AGENT": "command"}
    del environment["HOME"]
    words = ["swarm", "--from-wave", "wave.json"]
    said = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True, timeout=60)
    assert said.returncode == 1
    hint = next(line for line in said.stderr.splitlines() if line.startswith(" hint: "))
    assert hint.startswith(" hint: export GIT_AUTHOR_NAME=")
    script = f"{hint.removeprefix(' hint: ')}\n{' '.join(words)}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
