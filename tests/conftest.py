"""Options and markers of the whole test suite."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.crash import tally


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="rewrite expected output instead of comparing with it")


def pytest_configure(config: pytest.Config) -> None:
    tally.prepare()
    config.addinivalue_line(
        "markers", "mutants: breaks copies of the core; takes half an hour, so only where `-m mutants` asks for it"
    )


def pytest_report_header() -> str:
    return f"crash tests: {tally.SEED}={tally.seed()} {tally.ROUNDS}={tally.rounds()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in tally.summary():
        terminalreporter.write_line(line)


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether expected output is to be refreshed. Read the difference before you commit it."""
    return bool(request.config.getoption("--rewrite"))


settings.register_profile(
    "default",
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("deep", settings.get_profile("default"), max_examples=200, derandomize=False)
settings.register_profile("mutants", settings.get_profile("default"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("default")


_AGENTS = Path(__file__).parent / "real" / "agents"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_AGENTS):
            # Programs of others, which on a busy machine now and then fail on their own. The summary names each rerun.
            item.add_marker(pytest.mark.flaky(reruns=1))
    if "mutants" in config.option.markexpr:
        return
    for item in items:
        if item.get_closest_marker("mutants"):
            item.add_marker(pytest.mark.skip(reason="takes half an hour: run with -m mutants"))
