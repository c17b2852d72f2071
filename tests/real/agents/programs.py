"""The real agent programs: how each is set up for a scripted model, and called for one prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

KEY = "sk-scripted-0123456789"
"""The key that every program is given. It must stand in no log and no ledger."""


class Program(Protocol):
    """How one program is set up and called."""

    name: str
    model: str

    def set_up(self, home: Path, url: str) -> dict[str, str]:
        """Write its settings into a home, aimed at `url`. Returns the variables that it needs besides."""

    def argv(self, worktree: Path) -> list[str]:
        """How it does one prompt from its standard input, may edit files, and tells events as lines of JSON."""


class Claude:
    """As root it refuses `--permission-mode bypassPermissions`, unless IS_SANDBOX=1 is set; acceptEdits works."""

    name = "claude"
    model = "haiku"

    def set_up(self, home: Path, url: str) -> dict[str, str]:
        """All by variables. Its retries wait long: one is enough to see them."""
        return {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            "DISABLE_AUTOUPDATER": "1",
        }

    def argv(self, worktree: Path) -> list[str]:
        """`stream-json` needs `--verbose`."""
        stream = ["--output-format", "stream-json", "--verbose"]
        return ["claude", "-p", *stream, "--permission-mode", "acceptEdits", "--model", self.model]


class Codex:
    """Its home must not lie in $TMPDIR, or its sandbox finds no helper; `aim` gives it a $TMPDIR beside its home."""

    name = "codex"
    model = "gpt-5.5"

    def set_up(self, home: Path, url: str) -> dict[str, str]:
        """A provider of its own in `config.toml`."""
        settings = f"""\
model = "{self.model}"
model_provider = "scripted"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "SCRIPTED_MODEL_KEY"
request_max_retries = 1
stream_max_retries = 1
"""
        _write(home / ".codex" / "config.toml", settings)
        return {"CODEX_HOME": str(home / ".codex"), "SCRIPTED_MODEL_KEY": KEY}

    def argv(self, worktree: Path) -> list[str]:
        """The last word lets it read the prompt from standard input."""
        return ["codex", "exec", "--json", "-s", "workspace-write", "-C", str(worktree), "-"]


class Opencode:
    """The price of its model makes it tell a cost."""

    name = "opencode"
    model = "fake/fake-model"

    def set_up(self, home: Path, url: str) -> dict[str, str]:
        """A provider of its own in a variable."""
        limits = {"limit": {"context": 200000, "output": 8000}, "cost": {"input": 1, "output": 2}}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "fake",
            "options": {"baseURL": f"{url}/v1", "apiKey": KEY},
            "models": {"fake-model": {"name": "fake-model", **limits}},
        }
        settings = {
            "provider": {"fake": provider},
            "model": self.model,
            "small_model": self.model,
            "autoupdate": False,
            "share": "disabled",
        }
        return {
            "OPENCODE_CONFIG_CONTENT": json.dumps(settings),
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        }

    def argv(self, worktree: Path) -> list[str]:
        """`--pure` keeps it from installing a plug-in in the background."""
        return ["opencode", "run", "--format", "json", "-m", self.model, "--dir", str(worktree), "--pure"]


class Gemini:
    """Without `--yolo` it has no tools that change anything; its shell hides git's settings from git."""

    name = "gemini"
    model = "gemini-2.5-pro"

    def set_up(self, home: Path, url: str) -> dict[str, str]:
        """The way to log in stands in `settings.json`, the rest in variables."""
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
            "telemetry": {"enabled": False},
        }
        _write(home / ".gemini" / "settings.json", json.dumps(settings))
        return {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_TRUST_WORKSPACE": "true"}

    def argv(self, worktree: Path) -> list[str]:
        """The prompt comes from standard input as there is no `-p`."""
        return ["gemini", "-o", "stream-json", "--yolo", "-m", self.model]


class Qwen:
    """It needs Node 22, which is installed along."""

    name = "qwen"
    model = "fake-model"

    def set_up(self, home: Path, url: str) -> dict[str, str]:
        """The way to log in stands in `settings.json`, the rest in variables."""
        settings = {
            "security": {"auth": {"selectedType": "openai"}},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
            "telemetry": {"enabled": False},
        }
        _write(home / ".qwen" / "settings.json", json.dumps(settings))
        return {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_MODEL": self.model,
            "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1",
        }

    def argv(self, worktree: Path) -> list[str]:
        """The prompt comes from standard input as there is no `-p`."""
        return ["qwen", "-o", "stream-json", "--yolo"]


PROGRAMS: dict[str, Program] = {program.name: program for program in (Claude(), Codex(), Opencode(), Gemini(), Qwen())}
"""All by name."""


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
