"""The ledger's own misfortunes: torn, damaged, too new, no room, no right to write, held by another, held by nobody."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
from filelock import FileLock

from swarmskill.errors import LedgerDamaged, Refused
from swarmskill.ledger import read_holder, read_ledger
from tests.crash.faults import Fault
from tests.crash.laws import assert_branch, assert_sound, assert_tasks, processes_of
from tests.crash.scene import LIMIT, LINES, Ran, Scene, Zygote, wait_until
from tests.crash.tally import seed


@pytest.fixture(scope="module")
def written(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The ledger of a whole run."""
    scene = Scene(tmp_path_factory.mktemp("whole"))
    assert zygote.swarm(scene, *scene.words).code == 0
    return scene.run.ledger.read_bytes()


def test_a_ledger_cut_at_any_byte_gives_the_whole_lines_before(written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(written)
    events = read_ledger(path).events
    last = written.rstrip(b"\n").rfind(b"\n") + 1
    for cut in [*range(0, last, 61), *range(last, len(written) + 1)]:
        path.write_bytes(written[:cut])

        found = read_ledger(path)

        whole = written[:cut].count(b"\n")
        assert found.events == events[:whole]
        assert found.torn == (cut > 0 and written[cut - 1 : cut] != b"\n")
        assert found.size == written[:cut].rfind(b"\n") + 1


def test_a_flipped_bit_anywhere_is_never_taken_for_an_event(written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(written)
    events = read_ledger(path).events
    random = Random(seed())
    for place in random.sample(range(len(written)), 400):
        damaged = bytearray(written)
        damaged[place] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        before = written[:place].count(b"\n")
        try:
            found = read_ledger(path)
        except (LedgerDamaged, Refused) as error:
            assert f"line {before + 1}" in error.message or f"line {before + 2}" in error.message
        else:
            assert found.torn and found.events == events[: len(found.events)]
            assert len(found.events) == LINES - 1, "only the last line may be cut off"


@pytest.mark.parametrize("part", range(4))
def test_mayor_that_dies_while_it_writes_a_line_is_survived(
    make_scene: Callable[..., Scene], zygote: Zygote, part: int
) -> None:
    random = Random(f"{seed()}/{part}")
    scene = make_scene()
    line = 0
    while (line := line + random.randint(1, 6)) <= LINES:
        words = ["resume"] if scene.started else scene.words
        ran = zygote.swarm(scene, *words, fault=Fault(line=line, tear=random.choice((0.001, 0.2, 0.5, 0.99, 0.9999))))
        assert ran.died, ran.output
        line = max(line, len(read_ledger(scene.run.ledger).events)) if scene.started else 0

    words = ["resume"] if scene.started else scene.words
    ran = zygote.swarm(scene, *words)

    assert ran.code == 0, ran.output
    assert_sound(scene)


def test_torn_tail_is_cut_off_and_said(scene: Scene) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=9, tear=0.5)).died

    ran = scene.swarm("resume")

    assert ran.code == 0
    assert "cut off" in ran.output
    assert_sound(scene)


@pytest.mark.parametrize("line", [2, 12, 20, 24])
def test_damaged_middle_is_refused_and_what_the_hint_says_recovers(scene: Scene, line: int) -> None:
    assert scene.swarm(*scene.words).code == 0
    lines = scene.run.ledger.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"at":1', b'"at":2')
    scene.run.ledger.write_bytes(b"".join(lines))

    refused = scene.swarm("resume")

    assert refused.code == 1
    assert f"line {line + 1} is damaged" in refused.output
    hint = re.search(r"head -n \d+ \S+", refused.output)
    assert hint
    sound = subprocess.run(shlex.split(hint[0]), capture_output=True, check=True).stdout
    assert sound == b"".join(lines[:line])
    assert scene.run.ledger.read_bytes() == b"".join(lines), "the refusal changed the ledger"

    scene.run.ledger.write_bytes(sound)
    again = scene.swarm("resume")
    if again.code:  # the run branch has what the lost lines told of
        assert "Lines of the ledger are lost" in again.output
        commands = re.search(r"keep it: (git branch .*?); do it again: (git update-ref .*?), then", again.output)
        assert commands
        for command in commands.groups():
            subprocess.run(shlex.split(command), cwd=scene.top, env=scene.env, check=True)
        again = scene.swarm("resume")
    assert again.code == 0, again.output
    assert_tasks(scene)
    assert_branch(scene)


def test_newer_version_is_refused_by_name(scene: Scene) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=5)).died
    body = b'{"v":2,"n":6,"type":"reported"'
    with scene.run.ledger.open("ab") as file:
        file.write(body + b',"crc":"%08x"}\n' % zlib.crc32(body))
    before = scene.run.ledger.read_bytes()

    for words in (["resume"], ["status"], ["retry", "a"]):
        ran = scene.swarm(*words)
        assert ran.code == 1
        assert "line 6" in ran.output and "version" in ran.output and "hint:" in ran.output
    assert scene.run.ledger.read_bytes() == before


def test_full_disk_ends_the_run_in_order_and_room_lets_it_go_on(scene: Scene) -> None:
    runs = scene.top / ".git" / "swarm"
    runs.mkdir()
    with _small_disk(runs, "40k") as resize:
        ran = scene.swarm(*scene.words)
        assert ran.code == 1, ran.output
        assert "No space left" in ran.output and "hint:" in ran.output
        assert "Traceback" not in ran.output
        assert wait_until(lambda: not _workers(scene), 10)

        resize("4m")
        words = ["resume"] if scene.started else scene.words
        resumed = scene.swarm(*words)

        assert resumed.code == 0, resumed.output
        assert_sound(scene)


def test_disk_that_fills_up_at_any_moment_loses_nothing(make_scene: Callable[..., Scene], zygote: Zygote) -> None:
    scene = make_scene()
    runs = scene.top / ".git" / "swarm"
    runs.mkdir()
    with _small_disk(runs, "24k") as resize:
        for size in range(28, 400, 12):
            words = ["resume"] if scene.started else scene.words
            ran = zygote.swarm(scene, *words)
            assert "Traceback" not in ran.output
            if ran.code == 0:
                break
            assert ran.code == 1, ran.output
            resize(f"{size}k")
        assert ran.code == 0, ran.output
        assert_sound(scene, one_start=False)


@pytest.mark.parametrize("what", ["folder", "ledger"])
def test_without_the_right_to_write_the_run_is_refused_and_nothing_changes(scene: Scene, what: str) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=7)).died
    assert wait_until(lambda: not processes_of(scene))
    before = scene.run.ledger.read_bytes()
    path = scene.run.path if what == "folder" else scene.run.ledger
    mode = path.stat().st_mode
    path.chmod(0o500 if what == "folder" else 0o400)

    ran = _powerless(scene, "resume")

    path.chmod(mode)
    assert ran.code == 1, ran.output
    assert "error: cannot" in ran.output and "ermission denied" in ran.output and "hint:" in ran.output
    assert scene.run.ledger.read_bytes() == before
    assert scene.swarm("resume").code == 0
    assert_sound(scene)


def test_second_mayor_is_refused_and_told_who_holds_the_run(scene: Scene) -> None:
    (scene.side / "nap-a").write_text("3")
    with scene.start(*scene.words) as mayor:
        assert wait_until(lambda: scene.lives(), 20)

        ran = scene.swarm("resume")

        assert ran.code == 1
        assert f"process {mayor.pid} on " in ran.output and "hint:" in ran.output
        assert mayor.wait(LIMIT) == 0
    assert_sound(scene)


def test_many_mayors_at_once_one_wins(scene: Scene) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=4)).died

    mayors = [scene.start("resume") for _ in range(4)]
    ends = [(mayor.communicate(timeout=LIMIT)[0], mayor.returncode) for mayor in mayors]

    assert sorted(code for _, code in ends).count(0) >= 1
    assert all(code == 0 or "is held by" in output for output, code in ends)
    assert_sound(scene)


def test_stale_holder_file_stops_nobody(scene: Scene) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=8)).died
    assert scene.run.holder.exists(), "a killed mayor cannot remove it"
    # A child that the mayor was just starting has the lock's file open until it becomes git.
    assert any(read_holder(scene.run) is None or time.sleep(0.05) for _ in range(40))

    for words in (["status"], ["stop"]):
        assert scene.swarm(*words).code == 0
    assert scene.swarm("resume").code == 0
    assert not scene.run.holder.exists()
    assert_sound(scene)


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}', b"[]", b"\xff\xfe"])
def test_holder_file_of_nonsense_stops_nobody(scene: Scene, content: bytes) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=8)).died
    scene.run.holder.write_bytes(content)

    for words in (["status"], ["stop"], ["resume"]):
        ran = scene.swarm(*words)
        assert ran.code == 0, ran.output
    assert_sound(scene)


@pytest.mark.parametrize("words", [("stop",), ("stop", "--now"), ("kill",)])
def test_recycled_pid_of_a_holder_is_never_signalled(scene: Scene, words: tuple[str, ...]) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=8)).died
    with subprocess.Popen(["sleep", "60"]) as innocent:
        holder = json.loads(scene.run.holder.read_bytes())
        scene.run.holder.write_text(json.dumps({**holder, "pid": innocent.pid}))
        with FileLock(scene.run.lock).acquire(timeout=5):
            scene.swarm(*words)
        scene.swarm(*words)
        time.sleep(0.2)
        alive = innocent.poll() is None
        innocent.kill()
    assert alive, "a stranger was signalled"


def test_recycled_pid_of_a_worker_is_neither_adopted_nor_signalled(scene: Scene) -> None:
    """As after a reboot: the keeper is gone, and the worker's pid belongs to somebody else."""
    (scene.side / "nap-a").write_text("30")
    scene.killed_when(
        lambda: scene.lives() and "a" in scene.state.tasks and scene.state.tasks["a"].worker is not None, *scene.words
    )
    for pid in processes_of(scene):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    (scene.side / "nap-a").unlink()
    worker = scene.state.tasks["a"].worker
    assert worker is not None
    with subprocess.Popen(["sleep", "60"]) as innocent:
        _rewrite(scene.run.ledger, f'"pid":{worker.pid},', f'"pid":{innocent.pid},')
        _rewrite(scene.run.keeper / "ends.jsonl", f'"pid":{worker.pid},', f'"pid":{innocent.pid},')

        resumed = scene.swarm("resume")

        alive = innocent.poll() is None
        innocent.kill()
    assert alive, "a stranger was signalled"
    assert resumed.code == 0, resumed.output
    assert scene.state.tasks["a"].attempt == 2
    assert_sound(scene, one_start=False)


def _rewrite(path: Path, old: str, new: str) -> None:
    """Replace text in each line of a ledger or a journal, checksums included."""
    lines = []
    for line in path.read_text().splitlines():
        line = line.replace(old, new)
        body, found, _ = line.rpartition(',"crc":')
        lines.append(f'{body},"crc":"{zlib.crc32(body.encode()):08x}"}}' if found else line)
    path.write_text("\n".join(lines) + "\n")


def _workers(scene: Scene) -> list[str]:
    return [command for command in processes_of(scene).values() if "worker.sh" in command]


@contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of that size on the folder; skips the test where we may not mount one."""

    def mount(*words: str) -> int:
        return subprocess.run(["mount", *words], capture_output=True, check=False).returncode

    if os.geteuid() or not shutil.which("mount") or mount("-t", "tmpfs", "-o", f"size={size}", "swarm", str(folder)):
        pytest.skip("needs the right to mount a small file system")
    try:
        yield lambda bigger: subprocess.run(["mount", "-o", f"remount,size={bigger}", str(folder)], check=True) and None
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _powerless(scene: Scene, *words: str) -> Ran:
    """A verb by somebody whom permissions bind, which they do not the superuser."""
    command = [sys.executable, "-m", "swarmskill", *words]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("the superuser may write everywhere, and setpriv is not there to take that away")
        bound = "-dac_override,-dac_read_search,-fowner"
        command = ["setpriv", "--inh-caps", bound, "--bounding-set", bound, "--", *command]
    done = subprocess.run(
        command,
        cwd=scene.top,
        env=scene.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    return Ran(done.returncode, done.stdout)
