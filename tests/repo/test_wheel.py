"""A wheel carries the skill along, and the code finds it there."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="builds the wheel without a network")
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    done = subprocess.run(build, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.glob("*.whl")
    return made


def test_every_file_of_the_skills_is_in_the_wheel(wheel: Path) -> None:
    files = sorted(path.relative_to(TOP) for path in (TOP / "skills").rglob("*") if path.is_file())
    assert {Path("skills/swarm/agents/worker.md"), Path("skills/swarm/SKILL.md")} <= set(files)
    with zipfile.ZipFile(wheel) as archive:
        for file in files:
            assert archive.read(f"swarmskill/bundled/{file.as_posix()}") == (TOP / file).read_bytes()


def test_the_prompt_is_read_out_of_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from swarmskill import prompt, resources\n"
        "print(resources.skills_folder()); print(prompt.load_template('worker'))"
    )
    done = subprocess.run(
        (sys.executable, "-I", "-c", code, str(tmp_path)), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    folder, prompt = done.stdout.split("\n", 1)
    assert Path(folder) == (tmp_path / "swarmskill" / "bundled" / "skills").resolve()
    assert prompt.startswith("# You are worker-{{task_id}}\n")
