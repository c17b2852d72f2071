"""The README's commands do what it says, on a machine that has nothing but Python and git."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")


def command(mark: str) -> str:
    found = re.findall(rf"^<!-- {mark} -->\n```sh\n(.+)\n```$", README, re.M)
    assert len(found) == 1, f"README.md needs one block after <!-- {mark} -->"
    return found[0]


def copy_of_checkout(target: Path) -> Path:
    """What a clone would hold, changes that are not committed yet included."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if name and (TOP / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, target / name)
    return target


def bare_environment(home: Path) -> dict[str, str]:
    """PATH with `python3` of this version first, and what pip needs to find its index; nothing else of ours."""
    home.mkdir()
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    pip = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_")) or "proxy" in name.lower()
    }
    config = Path(os.environ.get("HOME", "/")) / ".config" / "pip" / "pip.conf"
    if config.is_file() and "PIP_CONFIG_FILE" not in pip:
        pip["PIP_CONFIG_FILE"] = str(config)
    return {"HOME": str(home), "PATH": f"{home / 'bin'}:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **pip}


@pytest.mark.slow
def test_the_demo_command_on_a_fresh_machine(tmp_path: Path) -> None:
    folder = copy_of_checkout(tmp_path / "a clone")
    environment = bare_environment(tmp_path / "home")
    environment["TMPDIR"] = str(tmp_path)
    done = subprocess.run(
        ["sh", "-c", command("demo")], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 completed, 1 rejected, 1 skipped" in done.stdout
    assert len(re.findall(r"^\* [0-9a-f]{7,} ", done.stdout, re.M)) == 9
    further = done.stdout.partition("Look further:\n")[2].splitlines()
    look = "\n".join([*(line.strip() for line in further[:2]), "swarm status && swarm why counts"])
    looked = subprocess.run(["sh", "-c", look], env=environment, capture_output=True, text=True, check=False)
    assert looked.returncode == 0, looked.stderr
    assert '✓ counts "Count words": completed after 2 attempts' in looked.stdout


def test_the_test_command_is_the_one_of_ci() -> None:
    script = (TOP / ".ci" / "run").read_text(encoding="utf-8")
    extract = re.search(r"^command=\$\((.+)\)$", script, re.M)[1]
    done = subprocess.run(["bash", "-c", extract], cwd=TOP, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip("\n") == command("test")
    assert "-r .ci/lock.txt" in command("test")
    assert command("test").endswith("-m pytest")


def test_the_example_list_is_sound(tmp_path: Path) -> None:
    (tmp_path / "tasks.yaml").write_text(re.search(r"```yaml\n(.*?)```", README, re.S)[1], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "swarmskill", "plan", "tasks.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("2 tasks in 2 waves")


def test_every_verb_is_in_the_readme_and_no_other() -> None:
    from swarmskill.cli.app import VERBS

    named = set(re.findall(r"(?:`|^|&& |bin/)swarm ([a-z]+)", README, re.M))
    assert named == set(VERBS)
