"""A private settings folder for one Claude Code on its own screen, in which its dialogs are answered beforehand.

The user's own folder is only read. The user's login is used where it is: it is neither copied nor linked, as a token
that is renewed in a copy would be the end of the one it was copied from.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from swarmskill.agents.text import as_object, table
from swarmskill.codec import dump_json

_COPIED: Final = ("settings.json", "CLAUDE.md", "keybindings.json")
_LINKED: Final = ("projects", "skills", "agents", "commands", "plugins", "output-styles", "rules")
"""Folders that are shared. In `projects` are the conversations, which a retry goes on with."""

_KEY_END: Final = 20
"""Of a key, so many of its last characters tell Claude Code which one was approved of."""


def make_home(folder: Path, environment: Mapping[str, str], trusted: tuple[Path, ...], *, yolo: bool) -> dict[str, str]:
    """Make the folder; the variables by which Claude Code uses it, and the user's login. Raises OSError.

    `environment` tells where the user's own settings are; the folders `trusted` are not asked about. With `yolo`
    neither is whether it may do everything.
    """
    named = environment.get("CLAUDE_CONFIG_DIR", "")
    home = Path(environment.get("HOME") or Path.home())
    own = Path(named) if named else home / ".claude"
    folder.mkdir(mode=0o700, parents=True)
    (own / "projects").mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        if (own / name).is_file():
            shutil.copyfile(own / name, folder / name)
    for name in _LINKED:
        if (own / name).is_dir():
            (folder / name).symlink_to((own / name).resolve())
    state = _answered(_read((own if named else home) / ".claude.json"), environment, trusted, yolo=yolo)
    with open(os.open(folder / ".claude.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(dump_json(state).encode())
    # The login stays where it is: "" is the usual folder, and on a Mac the usual entry of the keychain.
    return {"CLAUDE_CONFIG_DIR": str(folder), "CLAUDE_SECURESTORAGE_CONFIG_DIR": named}


def remove_home(folder: Path) -> None:
    """Remove it. What it links to stays."""
    with suppress(OSError):
        shutil.rmtree(folder)


def _answered(
    state: dict[str, Any], environment: Mapping[str, str], trusted: tuple[Path, ...], *, yolo: bool
) -> dict[str, Any]:
    """The user's state with each question answered that would stand in the way of the prompt."""
    projects = table(state, "projects")
    yes = {
        "hasTrustDialogAccepted": True,
        "hasClaudeMdExternalIncludesWarningShown": True,
        "hasCompletedProjectOnboarding": True,
    }
    answered = {**state, "hasCompletedOnboarding": True, "theme": state.get("theme") or "dark"}
    answered["projects"] = {str(path): {**table(projects, str(path)), **yes} for path in trusted}
    if key := environment.get("ANTHROPIC_API_KEY"):
        asked = table(state, "customApiKeyResponses")
        approved, rejected = asked.get("approved"), asked.get("rejected")
        last = key[-_KEY_END:]
        # A key that the user has rejected stays so: then the login is used, as in the user's own sessions.
        if not (isinstance(rejected, list) and last in rejected):
            known = [one for one in approved if one != last] if isinstance(approved, list) else []
            answered["customApiKeyResponses"] = {**asked, "approved": [*known, last]}
    if yolo:
        answered["bypassPermissionsModeAccepted"] = True
    return answered


def _read(path: Path) -> dict[str, Any]:
    try:
        return as_object(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
