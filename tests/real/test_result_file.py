"""Reading the result file never hangs, never follows a link and never raises, whatever lies there."""

import json
import os
import socket
from pathlib import Path

import pytest

from swarmskill.model import Claim
from swarmskill.validation.result_file import MAX_BYTES, read_result

GOOD = json.dumps({"type": "completion", "task_id": "3", "status": "done", "artifacts": ["a"]})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "worktree" / ".swarm"
    folder.mkdir(parents=True)
    return folder / "result.json"


def problem_with(file: Path) -> str:
    result, problem = read_result(file, "3")
    assert result is None
    return problem


def test_a_good_file_is_read(file: Path) -> None:
    file.write_text(GOOD)
    result, problem = read_result(file, "3")
    assert result is not None and result.status is Claim.DONE
    assert problem == ""


def test_no_file_and_no_folder_are_no_problem(file: Path, tmp_path: Path) -> None:
    assert problem_with(file) == ""
    assert problem_with(tmp_path / "nowhere" / "result.json") == ""


def test_a_named_pipe_does_not_hang_the_reader(file: Path) -> None:
    os.mkfifo(file)
    assert problem_with(file) == "the result file is not a regular file"


def test_a_folder_and_a_socket_are_no_files(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.mkdir()
    assert problem_with(file) == "the result file is not a regular file"
    file.rmdir()
    monkeypatch.chdir(file.parent)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(file.name)
        assert problem_with(file).startswith("the result file cannot be read: ")


def test_no_link_is_followed_not_even_to_a_good_file(file: Path, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text(GOOD)
    for target in (good, Path("/dev/zero"), tmp_path / "nowhere"):
        file.symlink_to(target)
        assert problem_with(file) == "the result file is a symbolic link"
        file.unlink()


def test_the_folder_may_not_be_a_link_either(file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "result.json").write_text(GOOD)
    file.parent.rmdir()
    file.parent.symlink_to(elsewhere)
    assert problem_with(file) == "the result file lies in .swarm, which is not a folder of its own"
    file.parent.unlink()
    file.parent.write_text("a file")
    assert "not a folder of its own" in problem_with(file)


def test_a_huge_file_is_refused_unread(file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(1 << 30)
    assert problem_with(file) == f"the result file is larger than {MAX_BYTES} bytes"


def test_the_size_limit_is_exact(file: Path) -> None:
    file.write_text(GOOD.ljust(MAX_BYTES))
    assert read_result(file, "3")[0] is not None
    file.write_text(GOOD.ljust(MAX_BYTES + 1))
    assert "larger than" in problem_with(file)


def test_deep_json_is_refused(file: Path) -> None:
    file.write_text("[" * (MAX_BYTES - 1))
    assert "nested too deeply" in problem_with(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_told(file: Path) -> None:
    file.write_text(GOOD)
    file.chmod(0)
    assert problem_with(file) == "the result file cannot be read: Permission denied"


def test_no_descriptor_is_left_open(file: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    file.symlink_to("nowhere")
    read_result(file, "3")
    file.unlink()
    os.mkfifo(file)
    read_result(file, "3")
    file.unlink()
    file.write_text(GOOD)
    read_result(file, "3")
    assert len(os.listdir("/dev/fd")) == before
