"""Kills senders, the carrier and readers of mail with SIGKILL, and counts what each recipient has.

A program of its own without threads, so that it can fork. `every` kills a participant before each
single file operation that it makes; `storm` kills at random times. Both print a loss table as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from swarmskill.mail.kinds import Kind, Progress, Text
from swarmskill.mail.mailbox import worker_mailbox
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.post import Post

OPERATIONS = ("open", "os.rename", "os.mkdir", "os.remove", "os.listdir", "fcntl.flock", "fcntl.lockf")


def child(work: Callable[[], None], kill_at: int = 0) -> int:
    """Start a process; with `kill_at` it kills itself before that file operation."""
    pid = os.fork()
    if pid:
        return pid
    seen = 0

    def hook(name: str, _: object) -> None:
        nonlocal seen
        if name in OPERATIONS:
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        if kill_at:
            sys.addaudithook(hook)
        work()
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def was_killed(pid: int) -> bool:
    status = os.waitpid(pid, 0)[1]
    if status:
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"a process failed: {status}"
    return bool(status)


def progress(task: str, to: tuple[str, ...], step: str) -> Message:
    kind, body = (Kind.PROGRESS, Progress(step=step)) if to == (MAYOR,) else (Kind.NOTE, Text(step))
    return Message(id="", thread=task, sender="", to=to, kind=kind, body=body, created=1.0)


def step_of(message: Message) -> str:
    return message.body.step if isinstance(message.body, Progress) else message.body.text


class Scene:
    """A run's mail folder, workers' worktrees, and a file in which the mayor notes what it reacted to."""

    def __init__(self, base: Path, workers: int) -> None:
        self.folder = base / "mail"
        self.notes = base / "notes"
        self.worktrees = {f"{n}-1": base / f"tree{n}" for n in range(1, workers + 1)}
        for path in self.worktrees.values():
            path.mkdir(parents=True)
        self.post()

    def post(self) -> Post:
        post = Post(self.folder, [name[:-2] for name in self.worktrees])
        for name, path in self.worktrees.items():
            post.add(name, name[:-2], path)
        return post

    def carry(self, post: Post) -> int:
        """One round of the mayor: it reacts to each message once, as the ledger would make sure, and settles."""
        carried = post.carry(now=0.0)
        assert not carried.refused, carried.refused
        done = set(self.notes.read_text().split("\n")) if self.notes.exists() else set()
        for message in carried.messages:
            if message.id not in done:
                with self.notes.open("a") as file:
                    file.write(f"{message.id}\n")
            post.settle(message)
        return len(carried.messages)

    def losses(self, expected: dict[str, list[str]]) -> dict[str, int]:
        """Compare what is in each inbox, and the mayor's notes, with what was sent."""
        lost = doubled = disordered = 0
        for name, steps in expected.items():
            box = self.post().mayor if name == MAYOR else worker_mailbox(name, self.worktrees[name])
            received = [one.message for one in box.received()]
            counts = Counter(step_of(message) for message in received)
            lost += sum(1 for step in steps if not counts[step])
            doubled += sum(count - 1 for count in counts.values())
            for sender in {message.sender for message in received}:
                numbers = [int(step_of(m).rpartition(" ")[2]) for m in received if m.sender == sender]
                disordered += numbers != sorted(numbers)
            if name == MAYOR:
                noted = [line for line in self.notes.read_text().split("\n") if line]
                assert Counter(noted) == Counter(message.id for message in received)
        return {"lost": lost, "doubled": doubled, "disordered": disordered}


def every(base: Path) -> dict[str, int]:
    """Kill the sender, then the carrier, then a reader, before each file operation in turn."""
    total: Counter[str] = Counter()
    roles = ("send", "carry", "read")
    for role in roles:
        for number in range(1, 500):
            scene = Scene(base / f"{role}{number}", 2)
            box = worker_mailbox("1-1", scene.worktrees["1-1"])

            def send(box=box) -> None:
                box.send(progress("1", (MAYOR,), "a 1"), key="a")
                box.send(progress("1", ("2", MAYOR), "b 2"), key="b")

            def carry(scene=scene) -> None:
                scene.carry(scene.post())

            def read(scene=scene) -> None:
                reader = worker_mailbox("2-1", scene.worktrees["2-1"])
                for one in reader.received():
                    reader.mark(one, "SA")

            killed = False
            for name, work in zip(roles, (send, carry, read), strict=True):
                if name == role:
                    killed = was_killed(child(work, number))
                was_killed(child(work))
            was_killed(child(carry))
            total.update(scene.losses({MAYOR: ["a 1", "b 2"], "2-1": ["b 2"]}))
            total[f"{role} points"] += killed
            if not killed:
                break
    return dict(total)


def storm(base: Path, workers: int, each: int, seed: int) -> dict[str, int]:
    """Senders that are killed and started again with the same keys, a carrier that is killed and started again."""
    chance = random.Random(seed)
    scene = Scene(base, workers)
    names = list(scene.worktrees)
    expected: dict[str, list[str]] = {MAYOR: [], **{name: [] for name in names}}
    plans: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
    for name in names:
        for number in range(each):
            to = MAYOR if chance.random() < 0.7 else chance.choice([other for other in names if other != name])
            plans[name].append((to, f"{name} {number}"))
            expected[to].append(f"{name} {number}")

    def send_all(name: str) -> None:
        box = worker_mailbox(name, scene.worktrees[name])
        for to, step in plans[name]:
            box.send(progress(name[:-2], (to,), step), key=step)
            time.sleep(0.001)

    def carry_on() -> None:
        post = scene.post()
        while True:
            if not scene.carry(post):
                time.sleep(0.002)

    running = {child(lambda name=name: send_all(name)): name for name in names}
    carrier, kills = child(carry_on), Counter()
    while running:
        time.sleep(chance.uniform(0.0, 0.01))  # on a busy machine much longer, and there are few kills
        if chance.random() < 0.5:
            os.kill(carrier, signal.SIGKILL)
            was_killed(carrier)
            carrier = child(carry_on)
            kills["carrier"] += 1
        pid = chance.choice(list(running))
        name = running.pop(pid)
        if chance.random() < 0.7 and kills["senders"] < 20 * workers:
            os.kill(pid, signal.SIGKILL)
        else:
            ended = os.waitpid(pid, os.WNOHANG)
            if ended[0] == 0:
                running[pid] = name
            continue
        if was_killed(pid):
            kills["senders"] += 1
            running[child(lambda name=name: send_all(name))] = name
    os.kill(carrier, signal.SIGKILL)
    was_killed(carrier)
    post = scene.post()
    while scene.carry(post):
        pass
    table = scene.losses(expected)
    return {**table, "messages": sum(map(len, expected.values())), **{f"{who} killed": n for who, n in kills.items()}}


def main(words: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        table = every(Path(folder)) if words[0] == "every" else storm(Path(folder), *map(int, words[1:]))
    print(json.dumps(table))


if __name__ == "__main__":
    main(sys.argv[1:])
