"""A build server's job that goes on with a run: `resume` and `retry` write and push what `run` does."""

from __future__ import annotations

from tests.cli.conftest import User, task, waits, writes


def test_a_retry_writes_the_files_of_the_whole_run_and_pushes_its_branch(user: User) -> None:
    user.git("init", "-q", "--bare", str(user.base / "there.git"))
    user.git("remote", "add", "there", str(user.base / "there.git"))
    once = task("b", ["sh", "-c", f"test -e '{user.gate()}' && echo b > b"], files=["b"])
    assert user.swarm("run", user.tasks(task("a", writes("a"), files=["a"]), once), "--max-retries", "0").code == 1
    user.gate().touch()
    page, junit, step = (user.base / name for name in ("page.md", "junit.xml", "step.md"))

    refused = user.swarm("retry", "b", "--push", "nowhere")
    assert (refused.code, "there is no remote 'nowhere'" in refused.err) == (2, True)
    assert '"retry_requested"' not in user.ledger and not list(user.folder_of().glob("requests/*.json"))

    files = ("--junit", str(junit), "--summary", str(page))
    said = user.swarm("retry", "b", *files, "--push", "there", GITHUB_STEP_SUMMARY=str(step))
    assert said.code == 0, said.err
    assert b'tests="2"' in junit.read_bytes() and b'failures="0"' in junit.read_bytes()
    assert "```mermaid\n" in page.read_text() and step.read_text() == page.read_text()
    branch = f"swarm/{user.runs()[-1]}"
    pushed = user.git("--git-dir", str(user.base / "there.git"), "rev-parse", branch)
    assert pushed == user.git("rev-parse", branch)


def test_a_resumption_in_the_background_writes_them_at_its_end(user: User) -> None:
    run = user.start("run", user.tasks(task("a", waits(user.gate()), files=["y"])))
    user.until_running("a")
    junit = user.base / "junit.xml"
    refused = user.swarm("retry", "a", "--junit", str(junit))
    assert (refused.code, "somebody else is at work on run RUN and would not heed --junit" in refused.err) == (2, True)
    assert user.swarm("stop", "--now").code == 0
    user.finish(run)
    user.gate().touch()
    assert user.swarm("resume", "--detach", "--junit", "../junit.xml").code == 0
    assert user.swarm("wait").code == 0
    assert b'tests="1"' in user.until(lambda: junit.exists() and junit.read_bytes(), 60)
