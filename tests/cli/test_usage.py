"""Words on the command line that are wrong or ask for help."""

from __future__ import annotations

import pytest

from swarmskill import __version__
from swarmskill.cli.app import VERBS
from tests.cli.conftest import User


def test_no_words_show_the_help_and_are_wrong_usage(stranger: User) -> None:
    said = stranger.swarm(folder=stranger.base)
    assert said.code == 2
    assert said.out.startswith("Usage: swarm [OPTIONS] COMMAND [ARGS]...\n")
    assert "..." not in said.out.partition("Commands:")[2]
    assert said.err == ""


def test_version(stranger: User) -> None:
    assert stranger.swarm("--version", folder=stranger.base).out == f"swarm {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(stranger: User, verb: str) -> None:
    said = stranger.swarm(verb, "--help", folder=stranger.base)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: swarm {verb}")
    assert f"\n  Example: swarm {verb}" in said.out
    if verb not in ("demo", "hook", "mcp", "serve"):  # one shows, the others answer programs
        assert "--json" in said.out


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("statsu", "No such command 'statsu'. Did you mean 'status'?", "see: swarm --help"),
        ("run", "no task list is named", "name a file, or use --from, --from-wave or --bead-ids"),
        ("run t.json --bogus", "No such option: --bogus (Possible options: --base, --push)", "see: swarm run --help"),
        ("run t.json --base", "Option '--base' requires an argument", "see: swarm --help"),
        (
            "run t.json --schedule fast",
            "Invalid value for '--schedule': 'fast' is not one of 'rolling', 'wave'",
            "see: swarm run --help",
        ),
        (
            "plan t.json --format svg",
            "Invalid value for '--format': 'svg' is not one of 'text', 'json', 'mermaid', 'dot'",
            "see: swarm plan --help",
        ),
        ("why", "Missing argument 'TASK'", "see: swarm why --help"),
        (
            "status --watch --json",
            "--watch shows the run to a person, --json to a program",
            "swarm events --follow --json",
        ),
    ],
)
def test_wrong_words(user: User, words: str, message: str, hint: str) -> None:
    if "--watch" in words:
        user.swarm("run", user.tasks({"id": 1, "subject": "s", "run": "true", "allow_empty": True}))
    said = user.swarm(*words.split())
    assert (said.out.replace("\n", ""), said.code) == ("" if "--json" not in words else said.out.replace("\n", ""), 2)
    if "--json" in words:
        assert said.document == {"error": {"code": "usage", "message": message, "hint": hint}}
    else:
        assert said.err == f"error: {message}\n hint: {hint}\n"
