"""The skill and the plugin's manifests: valid, of one version, within their folder, and true about the command line."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer
from skills_ref import read_properties, validate

import swarmskill
from swarmskill import install
from swarmskill.cli.app import VERBS
from swarmskill.sources import contract

TOP = Path(__file__).parents[2]
SKILL = TOP / "skills" / "swarm"
PAGES = [SKILL / "SKILL.md", *sorted((SKILL / "references").glob("*.md"))]
MANIFESTS = [".claude-plugin/plugin.json", ".codex-plugin/plugin.json"]
MARKETS = [".claude-plugin/marketplace.json", ".agents/plugins/marketplace.json"]


def manifest(name: str) -> dict:
    return json.loads((TOP / name).read_text(encoding="utf-8"))


def test_the_skill_is_valid() -> None:
    assert validate(SKILL) == []
    properties = read_properties(SKILL)
    assert (properties.name, properties.metadata) == ("swarm", {"version": swarmskill.__version__})
    assert "Use when" in properties.description and "Not for" in properties.description


def test_the_skill_is_short() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    assert len(text) < 4 * 5000, "about 5000 tokens"
    for page in PAGES[1:]:
        assert len(page.read_text(encoding="utf-8").splitlines()) < 100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_stay_within_the_skill(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        found = (page.parent / target).resolve()
        assert found.is_file() and found.is_relative_to(SKILL), target


def test_every_reference_is_named_in_the_skill() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"(references/{page.name})" not in text] == []


def test_it_reads_the_same_where_arguments_are_not_filled_in() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    assert re.findall(r"\$\w+|\$\{\w+\}|!`", text) == ["$ARGUMENTS"]
    assert "\nArguments: $ARGUMENTS\n\n(If that line shows only a placeholder, or nothing," in text


def commands() -> list[tuple[str, str]]:
    """Every `swarm ...` in the skill's pages, with its page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ *(swarm .+)$", text, re.M)]:
            found += [(page.name, line)] if re.match(r"swarm [a-z]", line) else []
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_of_the_skill_is_there_with_its_options(page: str, line: str) -> None:
    verb, *words = shlex.split(line)[1:]
    module, _ = VERBS[verb]
    found = getattr(import_module(f"swarmskill.cli.{module}"), verb)
    assert callable(found)
    # `mail` and `kv` have verbs of their own.
    known = options(verb, words[0]) if isinstance(found, typer.Typer) else options(verb)
    assert [word for word in words if word.startswith("--") and word.split("=")[0] not in known] == []


def options(*verb: str) -> set[str]:
    """The options that `swarm VERB --help` lists."""
    done = subprocess.run(
        [sys.executable, "-m", "swarmskill", *verb, "--help"],
        env={**os.environ, "PYTHONPATH": str(TOP), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(re.findall(r"--[a-z][a-z-]*", done.stdout))


def test_the_list_in_the_skill_is_sound(tmp_path: Path) -> None:
    (tmp_path / "tasks.json").write_text(re.search(r"```json\n(.*?)```", PAGES[0].read_text(), re.S)[1])
    done = subprocess.run(
        [sys.executable, "-m", "swarmskill", "plan", "tasks.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 tasks in 2 waves")


def test_every_check_is_on_the_skill_s_page() -> None:
    text = (SKILL / "references" / "validation-contract.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", text, re.M))
    assert rows == set(contract._DECODERS) - {"cross_cutting"}


def test_versions_and_descriptions_are_equal_everywhere() -> None:
    told = [manifest(name) for name in MANIFESTS]
    told += [manifest(MARKETS[0])["plugins"][0], install._PLUGIN]
    assert {one["version"] for one in told} == {swarmskill.__version__}
    assert len({one["description"] for one in told}) == 1
    assert {one["name"] for one in told} == {manifest(MARKETS[1])["plugins"][0]["name"]} == {"swarm"}


def test_the_manifests_name_files_that_are_there() -> None:
    claude, codex = map(manifest, MANIFESTS)
    assert [(TOP / path).is_file() for path in claude["agents"]] == [True]
    assert (TOP / codex["skills"] / "swarm" / "SKILL.md").is_file()
    for market in MARKETS:
        source = manifest(market)["plugins"][0]["source"]
        assert (source if isinstance(source, str) else source["path"]) == "./"


def test_no_symbolic_link_is_tracked() -> None:
    listed = subprocess.run(["git", "ls-files", "-s"], cwd=TOP, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert [line for line in listed.stdout.splitlines() if line.startswith("120000")] == []
