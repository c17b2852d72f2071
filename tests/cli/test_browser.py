"""The report and the live page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarmskill.core import events as ev
from swarmskill.model import Task
from tests.cli.conftest import User, end_left_overs, task, waits, writes
from tests.cli.served import RUN, Server, chromium, served, write_ledger
from tests.unit.views.stories import Story

WAIT = 60_000
"""Milliseconds."""

EVIL = "</pre><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    user = User(tmp_path_factory.mktemp("browser").resolve())
    user.make_repository()
    yield user
    end_left_overs(user)


class Visit:
    """One window; what its console says and what it asks for is kept."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1200, "height": 900}, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def background(self) -> str:
        return self.page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.fixture(scope="module")
def report(user: User) -> Path:
    """The report of a run with a task that completed, one that was refused, hostile words and bytes, and a secret."""
    evil = user.base / "evil.sh"
    evil.write_bytes(
        b"head -c 1000000 /dev/zero | tr '\\0' y; echo\n"
        b"printf '%s\\n' \"" + EVIL.replace('"', '\\"').encode() + b'"\n'
        b"printf '\\033[31mred\\033[0m \\377\\376 %s\\n' \"$SECRET_TOKEN\"\n"
        b"printf '<script>%s</script> %s\\n' evil \"$SECRET_TOKEN\" > out.txt\nexit 0\n"
    )
    refused = task(
        "evil", ["sh", str(evil)], description=EVIL, validation={"tests": "sh -c 'echo \"<b>no</b>\"; exit 4'"}
    )
    tasks = user.tasks(task("a", writes("a.txt"), subject=EVIL), {**refused, "blockedBy": ["a"]})
    said = user.swarm("run", tasks, "--max-retries", "0", SECRET_TOKEN="hunter2-hunter2")
    assert said.code == 1, said.err
    path = user.base / "report.html"
    assert user.swarm("report", "--html", str(path), SECRET_TOKEN="hunter2-hunter2").code == 0
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_opens_without_network_and_nothing_hostile_runs(browser: Any, report: Path, scheme: str) -> None:
    assert "hunter2" not in report.read_text()
    with Visit(browser, color_scheme=scheme) as visit:
        visit.page.goto(report.as_uri())
        assert visit.asked == [report.as_uri()]
        assert visit.said == []
        assert visit.page.title().endswith(": incomplete")
        assert visit.page.locator("details.task").count() == 2
        assert visit.page.locator("details.task[open]").count() == 1
        shown = visit.page.locator("details.task[open]").inner_text()
        for piece in ("onerror", "red �� ***", " characters)", "✗ tests", "<b>no</b>", "out.txt", "evil</script> ***"):
            assert piece in shown, piece
        assert visit.page.locator("#graph .node").count() == 2
        assert visit.page.locator("#gantt .seg").count() == 4
        assert visit.background() == ("rgb(251, 251, 250)" if scheme == "light" else "rgb(20, 23, 27)")
        visit.page.locator("#tasks a").first.click()
        assert visit.page.locator("details.task[open]").count() == 2
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visit.page.evaluate(wide) <= 0


def test_the_report_is_read_without_its_script_and_on_paper(browser: Any, report: Path) -> None:
    with Visit(browser, java_script_enabled=False, color_scheme="dark") as visit:
        visit.page.goto(report.as_uri())
        visit.page.emulate_media(media="print")
        visit.page.locator("details.task:not([open]) .story").wait_for(state="visible")  # folded, but printed
        assert visit.page.locator("button[data-fold]").first.is_hidden()
        assert visit.page.pdf(format="A4").startswith(b"%PDF")


def test_stop_is_clicked_and_the_page_shows_the_run_end(browser: Any, user: User) -> None:
    gate = user.gate("stop-gate")
    tasks = user.tasks(task("a", waits(gate)), task("b", writes("b2"), blockedBy=["a"], subject="Wait <i>for</i> a"))
    run = user.swarm("run", tasks, "--detach", "--json").document["run_id"]
    user.until_running("a")
    with served(user) as server, Visit(browser) as visit:
        page = visit.page
        page.goto(server.page(run))
        assert page.url == f"http://{server.host}/runs/{run}"  # without the token
        page.locator("#graph .node.s-running").wait_for()
        page.locator("#tasks").get_by_text("begin").wait_for()  # the worker's last line
        page.locator("header button[data-act=stop]").click()
        page.locator("#no").click()
        assert user.swarm("status", run, "--json").document["stop_reason"] is None
        page.locator("header button[data-act=stop]").click()
        page.locator("#yes").click()
        page.locator("#said").get_by_text("it stops when its workers have finished").wait_for()
        gate.touch()
        page.locator("#outcome").get_by_text("stopped").wait_for()
        assert page.locator("#graph .node.s-completed").count() == 1
        assert page.locator("header button[data-act=stop]").is_disabled()
        page.locator(".pulse.on").wait_for()
        assert user.swarm("resume", run).code == 0  # by somebody else
        page.locator("#outcome").get_by_text("completed").wait_for()
        assert visit.said == []


def test_a_task_is_retried_and_a_run_killed(browser: Any, user: User) -> None:
    gate, mended = user.gate("kill-gate"), user.gate("mended")
    fails = ["sh", "-c", f"[ -e '{mended}' ] || exit 3; echo x > m"]
    tasks = user.tasks(task("m", fails), task("long", waits(gate, "echo l > l")))
    run = user.swarm("run", tasks, "--detach", "--max-retries", "0", "--json").document["run_id"]
    with served(user) as server, Visit(browser) as visit:
        page = visit.page
        page.goto(server.page(run))
        retry = page.locator("#tasks button[data-act=retry]")
        retry.wait_for()
        mended.touch()
        retry.click()
        page.locator("#yes").click()
        page.locator("#tasks tr.s-completed").wait_for()
        page.locator("header button[data-act=kill-tree]").click()
        page.locator("#yes").click()
        page.locator("#outcome").get_by_text("stopped").wait_for()


def test_without_the_token_the_page_is_read_only_and_another_sites_page_cannot_act(browser: Any, user: User) -> None:
    story = Story(Task(id="a", subject="A"))
    if RUN not in user.runs():
        write_ledger(user, story.events)
    with served(user) as server, Visit(browser) as visit, served(user) as other:
        visit.page.goto(f"http://{server.host}/runs/{RUN}")
        visit.page.get_by_text("read only").wait_for()
        assert visit.page.locator("button.act").count() == 0
        visit.page.goto(server.page(RUN))  # this browser may act now
        visit.page.goto(f"http://{other.host}/static/style.css")  # same site, another origin
        stop = f"http://{server.host}/api/runs/{RUN}/stop"
        sent = visit.page.evaluate(
            f"fetch('{stop}', {{method: 'POST', mode: 'no-cors', credentials: 'include'}}).then(() => 'sent', () => 'not')"
        )
        assert sent in ("sent", "not")
        assert user.swarm("events", RUN, "--type", "stop_requested", "--json").document["events"] == []
        assert not (user.folder_of(user.runs().index(RUN)) / "requests").exists()


def test_a_live_page_of_five_thousand_tasks_is_usable(browser: Any, user: User) -> None:
    big = "20261121-130000-large-ox"
    tasks = [Task(id=f"t{n}", subject=f"Do {n}", blocked_by=(f"t{n - 50}",) if n >= 50 else ()) for n in range(5000)]
    events = [
        ev.RunStarted(at=1e9, run_id=big, tasks=tuple(tasks), config=Story(tasks[0]).state.config, base="ba5e" * 10)
    ]
    for n in range(50):
        events.append(
            ev.WorkerStarted(at=1e9 + n, task=f"t{n}", attempt=1, pid=1, identity="x", worktree="/w", base="b")
        )
    write_ledger(user, events, big)
    with served(user) as server, Visit(browser) as visit:
        visit.page.goto(server.page(big))
        visit.page.locator("#graph").wait_for()
        assert visit.page.locator("#tasks tr").count() == 201
        assert "4800 more tasks not shown" in visit.page.locator("#live").inner_text()
        assert visit.page.evaluate("document.querySelectorAll('*').length") < 20_000
        assert visit.said == []
