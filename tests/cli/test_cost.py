"""What the commands tell of tokens, money and logins. The agent is Claude Code's adapter; the program prints what
the real one printed once."""

from __future__ import annotations

import pytest

from tests.cli.conftest import TOP, User

SAMPLES = TOP / "tests" / "samples" / "claude"


def play(user: User, sample: str, *, code: int = 0) -> None:
    """Have the agent `claude` print a recorded stream, write one file and end."""
    program = user.base / "claude.sh"
    program.write_text(f"cat > /dev/null\necho x > \"$SWARM_TASK_ID\"\ncat '{SAMPLES / sample}.stdout'\nexit {code}\n")
    settings = user.home / ".config" / "swarm" / "swarm.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"agent = 'claude'\n[agents.claude]\ncommand = ['sh', '{program}']\n")


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user whose newest run had two tasks done by an agent that tells what it used."""
    user = User(tmp_path_factory.mktemp("cost").resolve())
    user.make_repository()
    play(user, "s-first")
    said = user.swarm("run", user.tasks(*({"id": name, "subject": f"Do {name}", "files": [name]} for name in "ab")))
    assert said.code == 0, said.out + said.err
    return user


def test_cost_by_task_agent_and_model_adds_up_to_what_status_and_report_tell(user: User) -> None:
    whole = user.swarm("status", "--json").document
    assert whole["cost_usd"] > 0
    for by in ("task", "agent", "model"):
        document = user.swarm("cost", "--by", by, "--json").document
        assert document["by"] == by
        assert document["total"]["tokens"] == whole["tokens"] == sum(row["tokens"] for row in document["rows"])
        assert document["total"]["cost_usd"] == pytest.approx(whole["cost_usd"])
        assert all(row[by] for row in document["rows"])
    assert user.swarm("report", "--json").document["tokens"] == whole["tokens"]


def test_cost_as_a_table(user: User) -> None:
    lines = user.swarm("cost").lines
    assert lines[0].split() == ["task", "attempts", "input", "cached", "output", "cost", "subject"]
    assert [line.split()[0] for line in lines[1:]] == ["a", "b", "total"]
    assert lines[1].endswith("Do a")
    said = user.swarm("cost", "--by", "nothing")
    assert (said.out, said.code) == ("", 2)


def test_each_task_tells_its_agent_model_and_session(user: User) -> None:
    for task in user.swarm("status", "--json").document["tasks"]:
        assert task["agent"] == task["worker"]["agent"] == "claude"
        assert task["model"].startswith("claude")
        assert task["session"]
        assert (task["problem"], task["denied"]) == (None, [])
    attempt = user.swarm("why", "a", "--json").document["attempts"][0]
    assert attempt["usage"]["tokens"] > 0
    said = user.swarm("why", "a").out
    assert f"  agent     claude, model {attempt['model']}\n" in said
    assert "  used      " in said
    assert "## Attempts" in user.swarm("report").lines


def test_the_status_of_what_was_used(user: User) -> None:
    lines = user.swarm("status").lines
    assert any(line.startswith("used      ") and "tokens" in line and "$" in line for line in lines)
    head = next(line for line in lines if "subject" in line)
    assert head.split() == ["id", "subject", "state", "tries", "time", "tokens", "cost", "commit", "detail"]


def test_a_login_that_fails_stops_the_run_and_tells_what_to_do(user: User) -> None:
    play(user, "e-401", code=1)
    said = user.swarm("run", user.tasks({"id": "c", "subject": "Do c"}))
    assert said.code == 1
    lines = said.lines
    at = next(i for i, line in enumerate(lines) if line.startswith("stopped: claude cannot work: "))
    assert lines[at + 1] == "log in: run `claude auth login`, or set ANTHROPIC_API_KEY"
    assert lines[at + 2] == "go on: swarm resume RUN"
    assert any(" paused    c: claude: auth: " in line for line in lines)
    assert any(" shut      claude cannot work: " in line and "claude auth login" in line for line in lines)
    document = user.swarm("status", "--json").document
    assert [(gate["agent"], gate["door"]) for gate in document["gates"]] == [("claude", "shut")]
    assert document["tasks"][0]["problem"]["kind"] == "auth"
    assert "waits for claude, which cannot work" in user.swarm("why", "c").out


def test_a_budget_that_is_used_up_stops_the_run_and_tells_how_to_go_on(user: User) -> None:
    play(user, "s-first")
    tasks = user.tasks({"id": "d", "subject": "Do d"}, {"id": "e", "subject": "Do e", "blockedBy": ["d"]})
    said = user.swarm("run", tasks, "--max-tokens", "1", "--json")
    assert said.code == 1
    document = said.document
    assert document["limits"] == {"max_cost": None, "max_tokens": 1}
    assert document["stop_reason"].startswith("the budget is used up: ")
    more = 1 + document["tokens"]
    assert f"go on     swarm resume RUN --max-tokens {more}" in user.swarm("status").lines
    assert f"limit: {user.swarm('status').out.partition('used      ')[2].splitlines()[0]}" in user.swarm("cost").lines
