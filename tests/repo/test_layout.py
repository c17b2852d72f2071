"""What is in the repository: allowed places, small modules, no private names, links that lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import swarmskill

TOP = Path(__file__).parents[2]
ALLOWED = {
    ".agents",
    ".ci",
    ".claude-plugin",
    ".codex-plugin",
    ".gitignore",
    "LICENSE",
    "README.md",
    "fixtures",
    "pyproject.toml",
    "references",
    "skills",
    "swarmskill",
    "tests",
}
MODULE_LINES = 400
FUNCTION_LINES = 60

REGISTRIES = tuple(
    f"{name}.{end}"
    for name, end in [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com")]
)
HOMES = re.compile(rb"/(?:home|Users)/[a-z]\w*/|/root/\.?[a-z]")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if name and (TOP / name).is_file()]


def modules() -> list[Path]:
    return sorted((TOP / "swarmskill").rglob("*.py"))


def test_nothing_outside_of_the_allowed_places() -> None:
    assert {name.split("/")[0] for name in tracked()} - ALLOWED == set()


def test_no_registry_and_no_home_folder_is_named() -> None:
    found = []
    for name in tracked():
        data = (TOP / name).read_bytes()
        found += [f"{name}: {host}" for host in REGISTRIES if host.encode() in data]
        found += [f"{name}: {home.group()!r}" for home in HOMES.finditer(data)]
    assert found == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(TOP)))
def test_module_is_described_and_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree) or not text, "a docstring is missing"
    if path.is_relative_to(TOP / "swarmskill" / "demo" / "repository"):
        return
    assert len(text.splitlines()) <= MODULE_LINES
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = {
        node.name: length
        for node in ast.walk(tree)
        if isinstance(node, kinds) and (length := node.end_lineno - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def pages() -> list[Path]:
    return [TOP / "README.md", *sorted((TOP / "references").rglob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(TOP)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / unquote(name) if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    """What headings are called in links, as forges make it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_reference_page_is_on_the_map() -> None:
    text = (TOP / "references" / "README.md").read_text(encoding="utf-8")
    names = [page.relative_to(TOP / "references").as_posix() for page in pages()[1:]]
    assert [name for name in names if f"({name})" not in text] == ["README.md"]


def project() -> dict:
    return tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))


def locked() -> dict[str, Version]:
    found = re.findall(r"^([a-z0-9-]+)==([^\s;]+)", (TOP / ".ci" / "lock.txt").read_text(encoding="utf-8"), re.M)
    return {name: Version(version) for name, version in found}


def direct() -> list[Requirement]:
    groups = project()["dependency-groups"]
    listed = [*project()["project"]["dependencies"]]
    for group in groups.values():
        listed += [entry for entry in group if isinstance(entry, str)]
    return [Requirement(entry) for entry in listed]


@pytest.mark.parametrize("requirement", direct(), ids=str)
def test_lock_satisfies(requirement: Requirement) -> None:
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()
    assert name in locked(), "make the lock anew: references/decisions/0004-lock-file-with-hashes.md"
    assert requirement.specifier.contains(locked()[name], prereleases=True)


def test_every_locked_version_has_hashes() -> None:
    text = (TOP / ".ci" / "lock.txt").read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_versions_are_equal() -> None:
    from importlib.metadata import PackageNotFoundError, version

    assert project()["project"]["dynamic"] == ["version"]
    try:
        installed = version("swarmskill")
    except PackageNotFoundError:
        pytest.skip("swarmskill is not installed")
    assert installed == swarmskill.__version__


def test_the_python_that_is_demanded_is_the_python_that_is_checked() -> None:
    demanded = project()["project"]["requires-python"]
    assert demanded == ">=3.11"
    assert project()["tool"]["ruff"]["target-version"] == "py" + demanded.removeprefix(">=").replace(".", "")
