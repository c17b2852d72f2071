"""Paths that a sentence names as what is to be written: "Create the User model in src/models/user.py"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from swarmskill.sources.findings import Findings
from swarmskill.sources.manifests import decode_path

_WORD = re.compile(r"`(?P<quoted>[^`\s]+)`|(?P<plain>[^\s`]+)")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}$")
_BARE = frozenset(
    "c cc cfg conf cpp cs css csv dart env ex exs fs go gradle h hpp html ini ipynb java json jsx kt kts lock lua md"
    " mjs php proto py rb rs rst scala scss sh sql svelte svg swift tf toml ts tsx txt vue xml yaml yml zig".split()
)
"""Extensions that make a file of a name without a folder. `js` is not among them: Node.js and Vue.js are no files."""

_NAMES = frozenset({"Dockerfile", "Makefile", "Justfile", "Procfile", "Gemfile", ".gitignore", ".dockerignore", ".env"})

_READ: Final = frozenset(
    {"per", "from", "see", "follow", "following", "against", "read", "reads", "run", "using", "with"}
)
"""Words before a path that is read, not written: "run quickstart.md", "per contracts/users.md"."""

_PLACEHOLDER = re.compile(r"\[[A-Z][A-Za-z ]*\]|[<>{}|$*?=@#]|://")


def mentioned_paths(text: str, top: Path | None, *, read_only: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The paths in the text that a manifest can hold, each once; those named in `read_only` are left out.

    A word is a path if it ends in `/`, or has a folder or an extension that is known, or stands in backticks
    and looks like one. What could be a manner of speaking (`and/or`) is not taken: a manifest forbids the rest.
    """
    found = dict.fromkeys(path for path in _candidates(text) if path not in read_only)
    sound = (decode_path(path, "", Findings("", top)) for path in found)
    return tuple(dict.fromkeys(path for path in sound if path is not None and path != "**"))


def _candidates(text: str) -> Iterator[str]:
    before = ""
    for word in _WORD.finditer(text):
        quoted = word["quoted"] is not None
        path = (word["quoted"] or word["plain"]).lstrip("\"'([*").rstrip("\"')]*,;:!.")
        if before not in _READ and _is_path(path, quoted=quoted):
            yield path.removeprefix("./")
        before = (word["quoted"] or word["plain"]).strip("(,;:").lower()


def _is_path(word: str, *, quoted: bool) -> bool:
    if not word or word.startswith(("/", "~", "-", "@")) or _PLACEHOLDER.search(word):
        return False
    folder, _, name = word.rpartition("/")
    if not name:
        return bool(folder)
    extension = _EXTENSION.search(name)
    if folder:
        return bool(extension) or name in _NAMES
    if name in _NAMES:
        return True
    return bool(extension) and (quoted or extension[0][1:] in _BARE) if extension else False
