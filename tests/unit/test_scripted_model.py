"""The scripted model over HTTP, with the standard library's client, and how it finds its script."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarmskill.model import Feedback, Task
from swarmskill.prompt import render_prompt
from tests.scripted_model import CONTEXT, REFUSED, Fault, ScriptedModel, script

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
PATHS = {
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
    "gemini": "/v1beta/models/gemini-2.5-pro:generateContent",
}
every_protocol = pytest.mark.parametrize("protocol", PATHS)


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as running:
        yield running


class Answer:
    """Status, headers (small letters) and body of an answer; `events` are those of a stream."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self.text = answer.read().decode()

    @property
    def json(self) -> Json:
        return json.loads(self.text)

    @property
    def events(self) -> list[Json]:
        lines = [line.removeprefix("data: ") for line in self.text.splitlines() if line.startswith("data: ")]
        return [json.loads(line) for line in lines if line != "[DONE]"]


def post(model: ScriptedModel, path: str, body: Json, headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", model.port, timeout=20)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **(headers or {})})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def ask(
    model: ScriptedModel, protocol: str, prompt: str, *, before: str = "", stream: bool = False, turns: int = 0
) -> Answer:
    """One request in a protocol, with a shell tool, after so many turns of calls and their results."""
    path = PATHS[protocol]
    if protocol == "gemini":
        path = path.replace(":generate", ":streamGenerate") if stream else path
        body: Json = {"tools": [{"functionDeclarations": [{"name": "run_shell_command"}]}]}
        called = {"role": "model", "parts": [{"functionCall": {"name": "run_shell_command", "args": {}}}]}
        result = {
            "role": "user",
            "parts": [{"functionResponse": {"name": "run_shell_command", "response": {"output": "id=a7;"}}}],
        }
        body["contents"] = [{"role": "user", "parts": [{"text": prompt}]}, *[called, result] * turns]
    elif protocol == "responses":
        call = {"type": "function_call", "name": "exec_command", "arguments": "{}", "call_id": "c"}
        told = {"type": "function_call_output", "call_id": "c", "output": "id=a7;"}
        first = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": prompt}]}
        body = {"tools": [{"type": "function", "name": "exec_command"}], "input": [first, *[call, told] * turns]}
    elif protocol == "chat":
        pair = [{"role": "assistant", "content": None}, {"role": "tool", "content": "id=a7;"}]
        body = {"tools": [{"type": "function", "function": {"name": "bash"}}]}
        body["messages"] = [{"role": "system", "content": "s"}, {"role": "user", "content": prompt}, *pair * turns]
    else:
        used = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]}
        seen = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "id=a7;"}]}
        body = {"tools": [{"name": "Bash"}], "messages": [{"role": "user", "content": prompt}, *[used, seen] * turns]}
    return post(model, before + path, {**body, "model": "m", "stream": stream})


def said(protocol: str, answer: Answer) -> str:
    """What the model said in an answer that does not stream."""
    body = answer.json
    if protocol == "gemini":
        return "".join(part.get("text", "") for part in body["candidates"][0]["content"]["parts"])
    if protocol == "responses":
        items = [item for item in body["output"] if item["type"] == "message"]
        return "".join(part["text"] for item in items for part in item["content"])
    if protocol == "chat":
        return body["choices"][0]["message"]["content"] or ""
    return "".join(part.get("text", "") for part in body["content"])


def called(protocol: str, answer: Answer) -> list[tuple[str, Json]]:
    """Name and arguments of each call in an answer that does not stream."""
    body = answer.json
    if protocol == "gemini":
        parts = [part["functionCall"] for part in body["candidates"][0]["content"]["parts"] if "functionCall" in part]
        return [(part["name"], part["args"]) for part in parts]
    if protocol == "responses":
        items = [item for item in body["output"] if item["type"] == "function_call"]
        return [(item["name"], json.loads(item["arguments"])) for item in items]
    if protocol == "chat":
        calls = [call["function"] for call in body["choices"][0]["message"].get("tool_calls", [])]
        return [(call["name"], json.loads(call["arguments"])) for call in calls]
    return [(part["name"], part["input"]) for part in body["content"] if part["type"] == "tool_use"]


@every_protocol
def test_each_turn_plays_the_next_step(model: ScriptedModel, protocol: str) -> None:
    prompt = script({"sh": "git status"}, {"text": "$RE:id=(\\w+);"})

    ((name, arguments),) = called(protocol, ask(model, protocol, prompt))
    assert name in ("Bash", "bash", "exec_command", "run_shell_command")
    assert "git status" in arguments.values()
    assert said(protocol, ask(model, protocol, prompt, turns=1)) == "a7"
    assert said(protocol, ask(model, protocol, prompt, turns=2)) == "script exhausted"
    assert said(protocol, ask(model, protocol, "no script")) == "ok"


@every_protocol
def test_parallel_calls_are_one_turn(model: ScriptedModel, protocol: str) -> None:
    answer = ask(model, protocol, script([{"sh": "a"}, {"sh": "b"}], {"text": "end"}))
    assert len(called(protocol, answer)) == 2


@every_protocol
def test_a_stream_tells_the_same_and_ends(model: ScriptedModel, protocol: str) -> None:
    answer = ask(model, protocol, script([{"text": "héllo"}, {"usage": {"output": 77}}]), stream=True)

    assert answer.headers["content-type"] == "text/event-stream"
    assert "héllo" in json.dumps(answer.events, ensure_ascii=False)
    assert "77" in answer.text
    ends = {"anthropic": "message_stop", "responses": "response.completed", "chat": "[DONE]", "gemini": "STOP"}
    assert ends[protocol] in answer.text


@every_protocol
def test_a_cut_stream_has_begun_and_never_ends(model: ScriptedModel, protocol: str) -> None:
    answer = ask(model, protocol, script([{"text": "part"}, {"truncate": True}]), stream=True)

    assert answer.status == 200
    for end in ("message_stop", "response.completed", "[DONE]", "STOP"):
        assert end not in answer.text


@every_protocol
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 529])
def test_an_address_can_fail(model: ScriptedModel, protocol: str, status: int) -> None:
    answer = ask(model, protocol, "x", before=f"/E/{status}/after-7")

    assert answer.status == status
    assert answer.json["error"]["message"]
    assert answer.headers["retry-after"] == "7"


@every_protocol
def test_a_context_that_is_too_long_is_told_in_the_protocols_words(model: ScriptedModel, protocol: str) -> None:
    answer = ask(model, protocol, script({"error": CONTEXT}))

    words = {
        "anthropic": "prompt is too long: 208310 tokens > 200000 maximum",
        "responses": "Your input exceeds the context window of this model",
        "chat": "maximum context length is 128000 tokens",
        "gemini": "exceeds the maximum number of tokens allowed",
    }
    assert answer.status == 400
    assert words[protocol] in answer.json["error"]["message"]


def test_responses_tells_a_long_context_in_the_stream(model: ScriptedModel) -> None:
    answer = ask(model, "responses", script({"error": CONTEXT}), stream=True)

    assert answer.events[-1]["type"] == "response.failed"
    assert answer.events[-1]["response"]["error"]["code"] == "context_length_exceeded"


@every_protocol
@pytest.mark.parametrize("step", [{"error": REFUSED}, [{"text": "I"}, {"refuse": True}]], ids=["fault", "block"])
def test_a_refusal_is_a_special_ending(model: ScriptedModel, protocol: str, step: Any) -> None:
    answer = ask(model, protocol, script(step))

    body = answer.json
    assert answer.status == 200
    assert {
        "anthropic": lambda: body["stop_reason"] == "refusal",
        "responses": lambda: body["incomplete_details"] == {"reason": "content_filter"},
        "chat": lambda: body["choices"][0]["finish_reason"] == "content_filter",
        "gemini": lambda: body["candidates"][0]["finishReason"] == "SAFETY",
    }[protocol]()


def test_an_address_fails_the_first_times_of_its_label(model: ScriptedModel) -> None:
    statuses = [ask(model, "anthropic", "x", before="/L/twice/E/529/2x").status for _ in range(3)]
    other = ask(model, "anthropic", "x", before="/L/other/E/529/2x").status

    assert [*statuses, other] == [529, 529, 200, 529]


def test_a_test_can_fail_a_label_for_a_time(model: ScriptedModel) -> None:
    model.fail(Fault(429, seconds=0.2, retry_after=0.5, reset=60), "timed")
    before = time.time()

    answer = ask(model, "anthropic", "x", before="/L/timed")
    assert (answer.status, answer.headers["retry-after"]) == (429, "0.5")
    assert before + 58 < int(answer.headers["anthropic-ratelimit-unified-reset"]) < before + 62
    assert ask(model, "anthropic", "x", before="/L/untouched").status == 200
    deadline = time.monotonic() + 10
    while ask(model, "anthropic", "x", before="/L/timed").status == 429:
        assert time.monotonic() < deadline


def test_a_test_can_fail_all_and_heal() -> None:
    with ScriptedModel() as model:
        model.fail(Fault(500))
        assert [ask(model, protocol, "x").status for protocol in PATHS] == [500] * 4
        model.heal()
        assert ask(model, "chat", "x").status == 200


def test_a_step_fails_the_first_times_it_is_asked_for(model: ScriptedModel) -> None:
    prompt = script({"sh": "a"}, {"error": 429, "times": 2}, {"error": 529, "times": 1}, {"text": "through"})

    assert ask(model, "chat", prompt).status == 200
    answers = [ask(model, "chat", prompt, turns=1) for _ in range(4)]
    assert [answer.status for answer in answers] == [429, 429, 529, 200]
    assert said("chat", answers[3]) == "through"
    assert said("chat", ask(model, "chat", prompt, turns=2)) == "script exhausted"


def test_a_request_without_tools_is_no_turn_of_the_script(model: ScriptedModel) -> None:
    prompt = script([{"error": 500}, {"sh": "rm -r x"}])

    answer = post(model, PATHS["anthropic"], {"messages": [{"role": "user", "content": "Find a title: " + prompt}]})

    assert (answer.status, called("anthropic", answer)) == (200, [])


def test_a_wrong_script_is_told(model: ScriptedModel) -> None:
    answer = ask(model, "chat", script({"txet": "oops"}))

    assert answer.status == 400
    assert "no such block in a script" in answer.json["error"]["message"]


def test_a_dropped_connection_has_no_answer(model: ScriptedModel) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        ask(model, "chat", "x", before="/D")


def test_a_hung_request_ends_with_the_server() -> None:
    with ScriptedModel() as model:
        connection = http.client.HTTPConnection("127.0.0.1", model.port, timeout=20)
        connection.request("POST", "/H/v1/messages", "{}")
        model.await_requests(1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.getresponse()
    connection.close()


def test_requests_are_kept_by_label_and_secrets_are_masked(tmp_path: Path) -> None:
    with ScriptedModel(tmp_path) as model:
        secret = "sk-very-secret"
        body = {"messages": [{"role": "user", "content": f"my key is {secret}"}]}
        post(model, f"/L/a/v1/messages?key={secret}", body, {"Authorization": f"Bearer {secret}", "X-Other": "seen"})
        ask(model, "chat", "x", before="/L/b")

        (request,) = model.requests("a")
        assert (request.number, request.method, request.headers["x-other"]) == (1, "POST", "seen")
        assert "my key is" in json.dumps(request.body)
        assert secret not in repr(model.requests())
        assert secret not in (tmp_path / "a" / "0001.json").read_text()
        assert [kept.label for kept in model.requests()] == ["a", "b"]


def test_models_and_tokens_are_told(model: ScriptedModel) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", model.port, timeout=20)
    connection.request("GET", "/v1/models")
    assert "fake-model" in connection.getresponse().read().decode()
    connection.close()
    assert post(model, "/v1/messages/count_tokens", {}).json == {"input_tokens": 1000}
    assert post(model, "/v1/nothing", {}).status == 404


def test_the_obedient_model_runs_each_block_in_turn(model: ScriptedModel) -> None:
    text = "FOLLOW this\n\n```bash\nmake a\n```\n\n```text\nnot this\n```\n\n```sh\nmake b\n```\n"

    assert called("chat", ask(model, "chat", text))[0][1]["command"] == "make a"
    assert called("chat", ask(model, "chat", text, turns=1))[0][1]["command"] == "make b"
    assert said("chat", ask(model, "chat", text, turns=2)) == "DONE followed 2 commands"


def test_of_nested_scripts_the_outermost_is_played(model: ScriptedModel) -> None:
    inner = "do this: " + script({"text": "inner"})
    answer = ask(model, "anthropic", script({"tool": "Agent", "input": {"prompt": inner}}))

    assert called("anthropic", answer) == [("Agent", {"prompt": inner})]


def worker_prompt(description: str, attempt: int = 1, feedback: Feedback | None = None) -> str:
    task = Task(id="t1", subject="Write `it`", description=description)
    places = {"worktree": Path("/w/t1"), "result_file": Path("/w/t1/.swarm/result.json"), "repo": Path("/w/main")}
    return render_prompt(task, run_id="r1", attempt=attempt, feedback=feedback, **places)


def test_the_script_of_a_task_is_found_in_a_workers_prompt(model: ScriptedModel) -> None:
    description = "Do it.\n\n```\ncode\n```\n\n" + script(
        {"write": "src/a.py", "content": "x = '`1`'\n"}, {"text": "ok"}
    )

    answer = ask(model, "anthropic", worker_prompt(description))

    assert called("anthropic", answer) == [
        (
            "Bash",
            {
                "command": """mkdir -p /w/t1/src && printf %s 'x = '"'"'`1`'"'"'\n' > /w/t1/src/a.py""",
                "description": "run",
            },
        )
    ]


def test_a_script_reports_as_the_prompt_asks(model: ScriptedModel) -> None:
    prompt = worker_prompt(script({"report": {"detail": "wrote a", "artifacts": ["a.txt"]}}))
    body = {"messages": [{"role": "user", "content": prompt}], "tools": [{"name": "Write"}]}

    ((name, arguments),) = called("anthropic", post(model, PATHS["anthropic"], body))

    assert (name, arguments["file_path"]) == ("Write", "/w/t1/.swarm/result.json")
    told = json.loads(arguments["content"])
    assert (told["task_id"], told["status"], told["detail"], told["artifacts"]) == ("t1", "done", "wrote a", ["a.txt"])


@pytest.mark.parametrize(
    ("attempt", "expected"), [(1, "first"), (2, "second"), (3, "any"), (12, "any")], ids="one two three twelve".split()
)
def test_the_attempt_chooses_the_script(model: ScriptedModel, attempt: int, expected: str) -> None:
    scripts = [script({"text": "any"}), script({"text": "first"}, attempt=1), script({"text": "second"}, attempt=2)]
    feedback = Feedback(kind="test", detail="attempt 1 failed", output="FAKE:broken") if attempt > 1 else None

    prompt = worker_prompt("\n".join(scripts), attempt, feedback)

    assert said("chat", ask(model, "chat", prompt)) == expected


def test_an_attempt_without_a_script_of_its_own_says_ok(model: ScriptedModel) -> None:
    assert said("chat", ask(model, "chat", worker_prompt(script({"text": "x"}, attempt=1), attempt=2))) == "ok"


def test_a_resumed_session_takes_the_script_of_the_new_attempt(model: ScriptedModel) -> None:
    first = script({"text": "first"}, attempt=1) + script({"text": "second"}, {"text": "third"}, attempt=2)
    messages = [
        {"role": "user", "content": worker_prompt(first)},
        {"role": "assistant", "content": "first"},
        {"role": "user", "content": "You do one task, attempt 2, of run r1."},
    ]
    tools = [{"type": "function", "function": {"name": "bash"}}]

    def go(*more: Json) -> str:
        return said("chat", post(model, PATHS["chat"], {"messages": [*messages, *more], "tools": tools}))

    assert go() == "second"
    assert go({"role": "assistant", "content": "second"}, {"role": "tool", "content": ""}) == "third"


def test_the_server_runs_by_itself_and_ends_on_a_signal(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    argv = [sys.executable, "-m", "tests.scripted_model", "--port-file", str(port_file), "--log", str(tmp_path / "log")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
        connection.request("POST", "/L/x/v1/messages", json.dumps({"messages": []}))
        assert connection.getresponse().status == 200
        connection.close()
        assert url.endswith(":" + port_file.read_text())
        assert (tmp_path / "log" / "x" / "0001.json").exists()
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
