"""The real agent programs: their pinned versions, and the folders in which `.ci/agents` installs them.

Only the standard library and plain Python: `.ci/agents` uses this before anything is installed.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

VERSIONS = Path(__file__).with_name("versions.toml")


@dataclass(frozen=True, slots=True)
class Pin:
    """One program of `versions.toml`: the npm package, its version, and the command that it brings."""

    name: str
    package: str
    version: str
    binary: str

    @property
    def folder(self) -> Path:
        """Where `.ci/agents` puts it. It exists only when the whole installation went well."""
        return home() / f"{self.name}-{self.version}"

    @property
    def bin(self) -> Path:
        """The folder of its command."""
        return self.folder / "node_modules" / ".bin"

    @property
    def path(self) -> Path:
        """Its command."""
        return self.bin / self.binary

    def command(self, folder: Path | None = None) -> list[str]:
        """The npm command which installs it into `folder`. The registry is the one that npm is set up for."""
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        return ["npm", "install", "--prefix", str(folder or self.folder), *quiet, f"{self.package}@{self.version}"]


def home() -> Path:
    """The cache folder: $SWARM_AGENTS_HOME, or `swarm-agents` in the user's cache."""
    return Path(os.environ.get("SWARM_AGENTS_HOME") or Path.home() / ".cache" / "swarm-agents")


def pins() -> dict[str, Pin]:
    """All pinned programs by name, `node` among them, as `versions.toml` lists them."""
    table = tomllib.loads(VERSIONS.read_text(encoding="utf-8"))
    return {name: Pin(name, **entry) for name, entry in table.items()}
