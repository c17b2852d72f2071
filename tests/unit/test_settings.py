"""Settings: what each word means, where each value comes from, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swarmskill.agents.pool import parse_pool
from swarmskill.errors import InputError, UsageError
from swarmskill.config import AgentOptions, OnExhaust, Price, RunConfig, Share
from swarmskill.settings import DEFAULT, Setting, effective, every_setting, load_sources, options, run_config


def read(folder: Path, toml: str = "", flags: dict[str, Any] | None = None, **variables: str) -> dict[str, Setting]:
    (folder / "swarm.toml").write_text(toml)
    return effective(load_sources(flags or {}, variables, folder, folder / "none"))


def refusal(folder: Path, toml: str) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        read(folder, toml)
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("text", "pool"),
    [
        ("claude", (Share("claude"),)),
        ("claude=3,codex=2", (Share("claude", 3), Share("codex", 2))),
        (" claude = 3 , codex ", (Share("claude", 3), Share("codex"))),
        ("auto", (Share("auto"),)),
        ("auto=4", (Share("auto", 4),)),
        ("acp:my-agent --acp,x", (Share("acp:my-agent --acp,x"),)),
    ],
)
def test_words_that_name_agents(text: str, pool: tuple[Share, ...]) -> None:
    assert parse_pool(text) == pool


@pytest.mark.parametrize(
    "text", ["", "claude,", "claude=0", "=3", "claude,claude=2", "auto,claude", "claud", "claude=x"]
)
def test_words_that_name_no_agents(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_pool(text)
    assert caught.value.hint


def test_each_effective_value_tells_where_it_comes_from(tmp_path: Path) -> None:
    found = read(
        tmp_path, "max_cost = 3\nagent = 'codex'\n", {"agent": "claude=2", "model": None}, SWARM_MAX_TOKENS="9000"
    )
    assert found == {
        "max_cost": Setting(3.0, "swarm.toml"),
        "agent": Setting((Share("claude", 2),), "--agent"),
        "max_tokens": Setting(9000, "SWARM_MAX_TOKENS"),
    }


def test_what_nobody_set_has_the_default_of_the_run(tmp_path: Path) -> None:
    found = every_setting(read(tmp_path, "fresh = true\n"))
    assert found["fresh"] == Setting(True, "swarm.toml")
    assert found["agent"] == Setting((Share("command"),), DEFAULT)
    assert found["on_exhaust"] == Setting(OnExhaust.STOP, DEFAULT)
    assert set(found) - {"agent", "mode", "notify"} <= set(RunConfig.__dataclass_fields__)


def test_options_that_were_not_given_set_nothing() -> None:
    assert effective(options({"max_cost": "2.50", "max_tokens": None})) == {"max_cost": Setting(2.5, "--max-cost")}


@pytest.mark.parametrize(("word", "size"), [("4G", 4 << 30), ("536870912", 512 << 20)])
def test_an_option_takes_memory_with_its_unit_or_in_bytes(word: str, size: int) -> None:
    assert effective(options({"max_memory": word})) == {"max_memory": Setting(size, "--max-memory")}


def test_tables_of_agents_and_prices(tmp_path: Path) -> None:
    toml = """
        agent = "claude"
        [agents.claude]
        command = "node /opt/claude.js"
        args = ["--effort", "low"]
        max_workers = 2
        [agents."acp:gemini --acp"]
        model = "flash"
        [prices]
        "m*" = { input = 1, cached = 0, output = 2.5 }
    """
    config = run_config(read(tmp_path, toml), branch="main", cross_cutting=())
    assert config.pool == (Share("claude"),)
    assert config.agents == {
        "claude": AgentOptions(command=("node", "/opt/claude.js"), args=("--effort", "low"), max_workers=2),
        "acp:gemini --acp": AgentOptions(model="flash"),
    }
    assert config.prices == {"m*": Price(input=1.0, cached=0.0, output=2.5)}


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        (
            "[agents.claud]\n",
            "swarm.toml: /agents/claud: no agent is called 'claud'",
            "did you mean 'claude'? there are: ",
        ),
        ("[agents.auto]\n", "swarm.toml: /agents/auto: no agent is called 'auto'", "there are: "),
        ("agent = 'cloude'\n", "swarm.toml: /agent: no agent is called 'cloude'", "did you mean 'claude'?"),
        ("agent = 3\n", "swarm.toml: /agent: wants text, found a number (3)", "write it in double quotes"),
        ("[agents.codex]\nmodle = 'x'\n", "swarm.toml: /agents/codex/modle: unknown key", "write model"),
        ("[prices]\nm = { input = 1 }\n", "swarm.toml: /prices/m: wants input, cached and output", "write { input"),
        ("max_cost = 0\n", "swarm.toml: /max_cost: wants US dollars over 0, found 0", "write 2.50"),
        ("max_cost = '5'\n", 'swarm.toml: /max_cost: wants US dollars, found text ("5")', "write 2.50"),
        ("max_tokens = 0.5\n", "swarm.toml: /max_tokens: wants a whole number, found a number (0.5)", "write 500000"),
        ("max_memory = '4X'\n", 'swarm.toml: /max_memory: "4X" is no amount of memory', 'write for example "4G"'),
        ("max_memory = 4\n", "swarm.toml: /max_memory: wants at least 16M", 'write for example "4G"'),
        ("allow = ['a \"b']\n", 'swarm.toml: /allow/0: "a \\"b" cannot be split into words', "close the quotes"),
    ],
)
def test_what_is_refused_names_its_place(tmp_path: Path, toml: str, message: str, hint: str) -> None:
    told, fix = refusal(tmp_path, toml)
    assert told.startswith(message)
    assert fix.startswith(hint)
