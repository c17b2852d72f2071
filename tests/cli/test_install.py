"""`swarm install` and `swarm uninstall`: what is written where, and what is left alone."""

from __future__ import annotations

import json
import os
import pwd
import re
from pathlib import Path

import pytest

from swarmskill import __version__
from swarmskill.install import find_installed, places
from tests.cli.conftest import TOP, User

SKILL = sorted(
    path.relative_to(TOP / "skills" / "swarm") for path in (TOP / "skills" / "swarm").rglob("*") if path.is_file()
)
CLAUDE = ".claude/skills/swarm"
AGENTS = ".agents/skills/swarm"
PLUGIN = ".claude-plugin/plugin.json"
MANIFEST = ".swarm-install.json"
GEMINI = ".gemini/commands/swarm.toml"


def files(folder: Path) -> set[str]:
    """All files but git's and the task file."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith((".git/", ".gitconfig"))}


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def skill_in(folder: str, *more: str) -> set[str]:
    return {f"{folder}/{name}" for name in (*map(str, SKILL), MANIFEST, *more)}


def test_all_assistants_in_the_home_folder(stranger: User) -> None:
    said = stranger.swarm("install", "all", folder=stranger.base)
    count = len(SKILL) + 1
    assert (said.code, said.err) == (0, "")
    assert said.lines == [
        f"~/home/{CLAUDE} for claude: {count} files",
        f"~/home/{AGENTS} for codex, gemini, opencode, qwen: {count} files",
        "call it: /swarm in claude, $swarm in codex, /swarm in gemini, /swarm in opencode, /swarm in qwen",
    ]
    assert files(stranger.home) == skill_in(CLAUDE, PLUGIN) | skill_in(AGENTS) | {GEMINI}
    for name in SKILL:
        for place in (CLAUDE, AGENTS):
            assert (stranger.home / place / name).read_bytes() == (TOP / "skills" / "swarm" / name).read_bytes()
    assert "{{args}}" in (stranger.home / GEMINI).read_text()


def test_in_a_repository(user: User) -> None:
    (user.top / "deep").mkdir()
    said = user.swarm("install", "codex", "--project", folder=user.top / "deep")
    assert said.lines[0] == f"~/my repo/{AGENTS} for codex: {len(SKILL)} files"
    assert files(user.top) == skill_in(AGENTS) | {"a.txt"}
    assert files(user.home) == set()
    assert user.swarm("uninstall", "--project").code == 0
    assert files(user.top) == {"a.txt"}
    assert not (user.top / ".agents").exists()


def test_a_second_time_changes_nothing_and_keeps_what_was_there(stranger: User) -> None:
    stranger.swarm("install", "claude", "gemini", folder=stranger.base)
    before = {name: (stranger.home / name).stat().st_mtime_ns for name in files(stranger.home)}
    said = stranger.swarm("install", "claude", "gemini", folder=stranger.base)
    assert [line.partition(": ")[2] for line in said.lines[:2]] == ["nothing to do"] * 2
    assert {name: (stranger.home / name).stat().st_mtime_ns for name in files(stranger.home)} == before
    stranger.swarm("install", "codex", folder=stranger.base)
    assert json.loads((stranger.home / AGENTS / MANIFEST).read_text())["assistants"] == ["codex", "gemini"]


def test_dry_run_writes_nothing(stranger: User) -> None:
    said = stranger.swarm("install", "claude", "--dry-run", folder=stranger.base)
    assert f"  write   ~/home/{CLAUDE}/SKILL.md" in said.lines
    assert files(stranger.home) == set()
    stranger.swarm("install", "claude", folder=stranger.base)
    before = content(stranger.home)
    said = stranger.swarm("uninstall", "--dry-run", folder=stranger.base)
    assert f"  remove  ~/home/{CLAUDE}/SKILL.md" in said.lines
    assert content(stranger.home) == before


def test_json(stranger: User) -> None:
    said = stranger.swarm("install", "claude", "--json", folder=stranger.base)
    (place,) = said.document["places"]
    assert (said.document["version"], said.document["dry_run"]) == (__version__, False)
    assert (place["folder"], place["assistants"]) == (str(stranger.home / CLAUDE), ["claude"])
    assert {Path(path).name for path in place["write"]} >= {"SKILL.md", "worker.md", "plugin.json"}
    again = stranger.swarm("install", "claude", "--json", folder=stranger.base).document["places"][0]
    assert (again["write"], again["keep"]) == ([], place["write"])


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_changed_files_are_left_alone_unless_it_is_forced(stranger: User, verb: str) -> None:
    stranger.swarm("install", "all", folder=stranger.base)
    for name in (f"{AGENTS}/SKILL.md", GEMINI):
        (stranger.home / name).write_text("mine")
    before = content(stranger.home)
    (stranger.home / CLAUDE / "SKILL.md").unlink()
    mine = f"~/home/{AGENTS}/SKILL.md, ~/home/{GEMINI}"
    for more in (["--dry-run"], []):
        said = stranger.swarm(verb, "all", *more, folder=stranger.base)
        assert said.err == (
            f"error: not as swarm wrote them: {mine}\n hint: keep what you need of {mine}, then use --force\n"
        )
        assert said.code == 1
        assert any(f"{AGENTS}" in line and "left alone" in line for line in said.lines)
        assert (f"  changed ~/home/{GEMINI}" in said.lines) == bool(more)
        now = content(stranger.home)
        assert {name: now[name] for name in now if AGENTS in name or name == GEMINI} == {
            name: before[name] for name in before if AGENTS in name or name == GEMINI
        }
        # The other assistant gets what it was to get, but for a dry run.
        assert (f"{CLAUDE}/SKILL.md" in now) == (verb == "install" and not more)
        assert (f"{CLAUDE}/{PLUGIN}" in now) == (verb == "install" or bool(more))
    assert stranger.swarm(verb, "all", "--json", folder=stranger.base).code == 1
    assert stranger.swarm(verb, "all", "--force", folder=stranger.base).code == 0
    if verb == "install":
        assert b"mine" not in content(stranger.home).values()
    else:
        assert files(stranger.home) == set()


def test_a_copy_of_somebody_else_is_left_alone(stranger: User) -> None:
    other = stranger.home / CLAUDE / "SKILL.md"
    other.parent.mkdir(parents=True)
    other.write_text("---\nname: swarm\n---\nanother one\n")
    assert "not as swarm wrote them" in stranger.swarm("install", "claude", folder=stranger.base).err
    assert stranger.swarm("uninstall", folder=stranger.base).lines[0] == f"~/home/{CLAUDE}: nothing to do"
    assert files(stranger.home) == {f"{CLAUDE}/SKILL.md"}
    other.unlink()
    other.parent.rmdir()
    other.parent.symlink_to(stranger.base)
    said = stranger.swarm("install", "claude", "--force", folder=stranger.base)
    assert said.err.startswith(f"error: ~/home/{CLAUDE} is a symbolic link")
    assert said.code == 1


def test_what_is_out_of_date_is_updated_and_what_is_no_more_is_removed(stranger: User) -> None:
    stranger.swarm("install", "claude", folder=stranger.base)
    manifest = stranger.home / CLAUDE / MANIFEST
    document = json.loads(manifest.read_text())
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    for name in ("SKILL.md", "gone.md", "references/gone.md"):
        path = stranger.home / CLAUDE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("hello")
        document["files"][f"skills/swarm/{name}"] = digest
    manifest.write_text(json.dumps(document))
    said = stranger.swarm("install", "claude", "--dry-run", folder=stranger.base)
    assert [line.split()[0] for line in said.lines[1:]] == ["update", "remove", "remove"]
    assert stranger.swarm("install", "claude", folder=stranger.base).code == 0
    assert files(stranger.home) == skill_in(CLAUDE, PLUGIN)
    assert not any("gone" in name for name in json.loads(manifest.read_text())["files"])


def test_one_assistant_is_taken_away_from_those_that_share_a_folder(stranger: User) -> None:
    stranger.swarm("install", "codex", "gemini", folder=stranger.base)
    said = stranger.swarm("uninstall", "gemini", folder=stranger.base)
    assert said.lines == [f"~/home/{AGENTS} for codex: 1 file"]
    assert files(stranger.home) == skill_in(AGENTS)
    assert not (stranger.home / ".gemini").exists()
    stranger.swarm("uninstall", "codex", folder=stranger.base)
    assert files(stranger.home) == set()
    assert stranger.home.is_dir()


def test_files_of_the_user_beside_ours_stay(stranger: User) -> None:
    stranger.swarm("install", "claude", folder=stranger.base)
    (stranger.home / CLAUDE / "notes.md").write_text("mine")
    assert stranger.swarm("uninstall", folder=stranger.base).code == 0
    assert files(stranger.home) == {f"{CLAUDE}/notes.md"}


def test_a_manifest_of_a_foreign_repository_removes_nothing_else(user: User) -> None:
    user.swarm("install", "gemini", "--project")
    manifest = user.top / AGENTS / MANIFEST
    document = json.loads(manifest.read_text())
    victim = user.base / "victim"
    victim.write_bytes((user.top / GEMINI).read_bytes())
    names = ["../victim", str(victim), f"{AGENTS}/../../../../victim", "a.txt"]
    document["files"] |= dict.fromkeys(names, document["files"][GEMINI])
    manifest.write_text(json.dumps(document))
    assert user.swarm("uninstall", "--project", "--force").code == 0
    assert victim.exists()
    assert files(user.top) == {"a.txt"}


def test_interrupted_installations_are_finished(stranger: User) -> None:
    stranger.swarm("install", "claude", folder=stranger.base)
    (stranger.home / CLAUDE / MANIFEST).unlink()
    (stranger.home / CLAUDE / PLUGIN).unlink()
    assert stranger.swarm("install", "claude", folder=stranger.base).lines[0].endswith(": 1 file")
    for name in SKILL:
        (stranger.home / CLAUDE / name).unlink()
    (stranger.home / CLAUDE / PLUGIN).unlink()
    assert stranger.swarm("uninstall", folder=stranger.base).code == 0
    assert files(stranger.home) == set()
    assert not (stranger.home / CLAUDE).exists()


def test_claude_code_may_have_its_folder_elsewhere(stranger: User) -> None:
    elsewhere = stranger.base / "config"
    assert stranger.swarm("install", "claude", folder=stranger.base, CLAUDE_CONFIG_DIR=str(elsewhere)).code == 0
    assert files(stranger.home) == set()
    assert (elsewhere / "skills" / "swarm" / PLUGIN).is_file()
    assert stranger.swarm("uninstall", folder=stranger.base, CLAUDE_CONFIG_DIR=str(elsewhere)).code == 0
    assert files(elsewhere) == set()


def test_an_empty_home_is_as_none(stranger: User) -> None:
    said = stranger.swarm("install", "claude", "--dry-run", folder=stranger.base, HOME="")
    assert said.lines[0].startswith(f"{pwd.getpwuid(os.getuid()).pw_dir}/{CLAUDE} for claude: ")


def test_those_on_path_are_meant_if_none_is_named(stranger: User) -> None:
    said = stranger.swarm("install", folder=stranger.base, PATH="/usr/bin:/bin")
    assert (said.err, said.code) == (
        "error: none of the assistants is on PATH\n hint: name one: swarm install claude\n",
        2,
    )
    program = stranger.base / "bin" / "codex"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    said = stranger.swarm("install", folder=stranger.base, PATH=f"{program.parent}:/usr/bin:/bin")
    assert said.lines[-1] == "call it: $swarm in codex"


def test_wrong_words(stranger: User) -> None:
    said = stranger.swarm("install", "cursor", folder=stranger.base)
    assert said.err == (
        "error: no assistant is called 'cursor'\n hint: there are: claude, codex, opencode, gemini, qwen, all\n"
    )
    assert said.code == 2
    assert "is not in a git repository" in stranger.swarm("install", "all", "--project", folder=stranger.base).err


def test_a_folder_that_cannot_be_written(stranger: User) -> None:
    (stranger.home / ".claude").write_text("a file in the way")
    said = stranger.swarm("install", "claude", folder=stranger.base)
    assert said.err.startswith("error: ")
    assert said.code == 1 and "left alone" in said.out


def test_what_is_installed_is_known_again(stranger: User) -> None:
    claude, others = places(stranger.home)
    assert (find_installed(claude), find_installed(others)) == (None, None)
    stranger.swarm("install", "all", folder=stranger.base)
    found = find_installed(claude)
    assert (found.version, found.ours, found.outdated, found.changed) == (__version__, True, False, ())
    skill = stranger.home / AGENTS / "SKILL.md"
    skill.write_text(re.sub(r'version: "[^"]+"', 'version: "0.0.9"', skill.read_text()))
    (stranger.home / AGENTS / MANIFEST).unlink()
    found = find_installed(others)
    assert (found.version, found.ours, found.outdated) == ("0.0.9", False, True)
    (stranger.home / CLAUDE / "SKILL.md").write_text("---\nname: swarm\n---\n")
    found = find_installed(claude)
    assert (found.version, found.changed) == ("", (stranger.home / CLAUDE / "SKILL.md",))


def test_hooks_are_claude_code_s_and_stay_until_they_are_taken_away(stranger: User) -> None:
    plugin = stranger.home / CLAUDE / PLUGIN
    assert stranger.swarm("install", "codex", "--hooks", folder=stranger.base).code == 2
    stranger.swarm("install", "all", "--hooks", folder=stranger.base)
    with_hooks = json.loads(plugin.read_text())["hooks"]
    assert with_hooks.keys() == {"SubagentStop", "TaskCompleted"}
    stranger.swarm("install", "claude", folder=stranger.base)
    assert json.loads(plugin.read_text())["hooks"] == with_hooks
    stranger.swarm("install", "claude", "--no-hooks", folder=stranger.base)
    assert "hooks" not in json.loads(plugin.read_text())
    stranger.swarm("uninstall", folder=stranger.base)
    assert files(stranger.home) == set()
