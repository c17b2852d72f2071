"""What `swarm doctor` prints: tables that fit, and below them what to do, never cut."""

from __future__ import annotations

from dataclasses import replace

from swarmskill.agents.base import Login, LoginState
from swarmskill.agents.detection import Fit, Sighting
from swarmskill.views.doctor import Examination, Row, Tool, doctor_json, doctor_text
from swarmskill.views.marks import Look

HOME = "/somewhere/ada"
GOOD = ("2.1.329", "2.1.329")

CLAUDE = Sighting(
    name="claude",
    path=f"{HOME}/bin/claude",
    version="2.1.329",
    fit=Fit.GOOD,
    good=GOOD,
    install="npm install -g @anthropic-ai/claude-code",
    login=Login(LoginState.YES, f"{HOME}/.claude/.credentials.json"),
)
CODEX = replace(CLAUDE, name="codex", version="2.2.0", fit=Fit.NEWER, login=Login(LoginState.NO, "codex login"))
QWEN = Sighting(name="qwen", install="npm install -g qwen", problem="the program 'qwen' is not there")
BROKEN = replace(
    CLAUDE, name="gemini", version="", fit=Fit.UNKNOWN, problem="`gemini --version` failed (127): \x1b[31mno node"
)

FOUND = Examination(
    agents=[CLAUDE, CODEX, BROKEN, QWEN],
    tools=[
        Tool(name="git", fit=True, version="2.39.5", where="/usr/bin/git", purpose="everything"),
        Tool(name="repository", fit=None, purpose="runs from here", fix="not in a git repository: go to one"),
        Tool(name="node", fit=False, purpose="codex", fix="install Node.js"),
    ],
    settings=[
        Row(name="agent", text="claude=3", value="claude=3", origin="--agent"),
        Row(name="keep", text="false", value=False, origin="default"),
    ],
    ok=True,
)


def test_the_whole_text() -> None:
    assert doctor_text(FOUND, home=HOME) == (
        "Agents\n"
        "   agent   version  known to work       logged in                          program\n"
        "✓  claude  2.1.329  yes                 yes (~/.claude/.credentials.json)  ~/bin/claude\n"
        "✗  codex   2.2.0    newer than 2.1.329  no                                 ~/bin/claude\n"
        "✗  gemini                               yes (~/.claude/.credentials.json)  ~/bin/claude\n"
        "–  qwen                                                                    not installed\n"
        "  codex: log in: codex login\n"
        "  gemini: `gemini --version` failed (127): no node\n"
        "  qwen: install it: npm install -g qwen\n"
        "\n"
        "Machine\n"
        "   what        version  for             where\n"
        "✓  git         2.39.5   everything      /usr/bin/git\n"
        "–  repository           runs from here\n"
        "✗  node                 codex\n"
        "  repository: not in a git repository: go to one\n"
        "  node: install Node.js\n"
        "\n"
        "Settings\n"
        "setting  value     from\n"
        "agent    claude=3  --agent\n"
        "keep     false     default\n"
        "\n"
        "ready: agents that can work: claude\n"
    )


def test_a_narrow_terminal_cuts_tables_and_not_what_to_type() -> None:
    lines = doctor_text(FOUND, home=HOME, look=Look(width=40)).splitlines()
    advice = [line for line in lines if line.startswith("  ")]
    assert all(len(line) <= 40 for line in lines if line not in advice)
    assert "  gemini: `gemini --version` failed (127): no node" in advice


def test_colours_only_where_they_are_wanted() -> None:
    assert "\x1b" not in doctor_text(FOUND)
    assert "\x1b[32m✓\x1b[0m" in doctor_text(FOUND, look=Look(colour=True))


def test_a_terminal_without_unicode() -> None:
    text = doctor_text(FOUND, look=Look(unicode=False, encoding="ascii"))
    assert text.isascii()
    assert "+  claude" in text


def test_a_machine_that_is_not_ready_says_why() -> None:
    found = replace(FOUND, agents=[CODEX], ok=False)
    assert doctor_text(found).endswith("\nnot ready: no agent can work; see node\n")


def test_the_document_has_all_of_it() -> None:
    document = doctor_json(FOUND)
    assert document["ok"] is True
    assert document["agents"][1] == {
        "name": "codex",
        "able": False,
        "path": f"{HOME}/bin/claude",
        "version": "2.2.0",
        "fit": "newer",
        "known_good": ["2.1.329", "2.1.329"],
        "login": {"state": "no", "how": "codex login"},
        "problem": None,
        "install": "npm install -g @anthropic-ai/claude-code",
    }
    assert [(tool["name"], tool["fit"], tool["fix"]) for tool in document["machine"]] == [
        ("git", True, None),
        ("repository", None, "not in a git repository: go to one"),
        ("node", False, "install Node.js"),
    ]
    assert document["settings"][1] == {"name": "keep", "value": False, "origin": "default"}
