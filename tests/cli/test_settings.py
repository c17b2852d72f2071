"""Which place of a setting wins."""

from __future__ import annotations

import re

from tests.cli.conftest import User, task


def test_option_variable_repository_pyproject_user_default(user: User) -> None:
    tasks = user.tasks(task("t", "true", allow_empty=True))
    own = user.home / "conf" / "swarm" / "swarm.toml"
    own.parent.mkdir(parents=True)
    variables = {"XDG_CONFIG_HOME": str(user.home / "conf")}
    words = ["run", tasks, "--land", "never"]

    def workers() -> int:
        said = user.swarm(*words, **variables)
        return int(re.search(r"(\d+) workers?, from", said.out)[1])

    assert workers() == 5
    own.write_text("max_workers = 7\n")
    assert workers() == 7
    user.write("pyproject.toml", "[tool.swarm]\nmax_workers = 3\n")
    assert workers() == 3
    user.write("swarm.toml", "max_workers = 2\n")
    assert workers() == 2
    variables["SWARM_MAX_WORKERS"] = ""
    assert workers() == 2
    variables["SWARM_MAX_WORKERS"] = "4"
    assert workers() == 4
    words += ["--max-workers", "6"]
    assert workers() == 6


def test_tables_of_two_places_are_not_mixed(user: User) -> None:
    own = user.home / ".config" / "swarm" / "swarm.toml"
    own.parent.mkdir(parents=True)
    own.write_text('[worktree]\ncopy = ["from-user"]\n')
    user.write("swarm.toml", '[worktree]\ncopy = ["from-repository"]\n')
    said = user.swarm("run", user.tasks(task("t", "true", allow_empty=True)))
    assert "copy: from-repository is not in" in said.out
    assert "from-user" not in said.out


def test_a_list_and_a_flag_in_variables(user: User) -> None:
    worker = ["sh", "-c", 'echo "$SEEN $HIDDEN" > out']
    said = user.swarm(
        *("run", user.tasks(task("t", worker, files=["out"]))),
        **{"SWARM_ENV": "SEEN, OTHER_*", "SWARM_KEEP": "true", "SEEN": "yes", "HIDDEN": "no"},
    )
    assert said.code == 0
    assert (user.top / "out").read_text() == "yes \n"
    assert (user.top / ".swarm" / "worktrees" / user.runs()[-1] / "t-1").exists()
