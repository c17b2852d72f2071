"""What error messages mean: the programs' own words, as they were recorded or stand in their sources."""

from __future__ import annotations

import pytest

from swarmskill.agents.troubles import DETAIL_LENGTH, problem_of, problem_of_lines, trouble_of_status, wait_of
from swarmskill.model import Trouble

RECORDED = [
    # Claude Code
    ("Failed to authenticate. API Error: 401 fake 401", "auth"),
    ("Not logged in · Please run /login", "auth"),
    ("Invalid API key · Fix external API key", "auth"),
    ("Credit balance is too low", "auth"),
    ("There's an issue with the selected model (x). It may not exist or you may not have access to it.", "auth"),
    ("API Error: Request rejected (429) · fake 429", "rate_limit"),
    ("You've hit your session limit · resets 3pm (UTC)", "rate_limit"),
    ("You've hit your Opus limit", "rate_limit"),
    ("Claude AI usage limit reached|1795231103", "rate_limit"),
    ("API Error: 500 fake 500. This is a server-side issue, usually temporary — try again in a moment.", "overloaded"),
    ("API Error: Repeated 529 Overloaded errors", "overloaded"),
    ("API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)", "network"),
    ("Request timed out. If the API is slow to answer, or a proxy holds responses, set API_TIMEOUT_MS.", "network"),
    ("Reached maximum budget ($0.008)", "budget"),
    ("Reached maximum number of turns (2)", "turns"),
    ("Prompt is too long", "context_full"),
    ("API Error: Opus 5.5's safeguards flagged this message (https://www.anthropic.com/legal/aup).", "refused"),
    ("API Error: Connection dropped (ECONNRESET). Check the gateway set in ANTHROPIC_BASE_URL.", "network"),
    ("API Error: 400 input length and `max_tokens` exceed context limit: 199000 + 9000 > 200000", "context_full"),
    (
        "API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy",
        "refused",
    ),
    ("Claude requested permissions to write to /w/a.txt, but you haven't granted it yet.", "denied"),
    ("This command requires approval", "denied"),
    ("No conversation found with session ID: e88a8dd3-e6b6-4b20-b9b1-d97bd1e04b35", "crashed"),
    # Qwen Code
    ("[API Error: 404 model: no-such-model]", "auth"),
    ("[API Error: Model stream ended with empty response text.]", "crashed"),
    ("[API Error: 400 This model's maximum context length is 128000 tokens.]", "context_full"),
    ("[API Error: 401 fake 401]", "auth"),
    (
        "Missing API key for OpenAI-compatible auth. Set settings.security.auth.apiKey, or set the 'OPENAI_API_KEY' "
        "environment variable.",
        "auth",
    ),
    ("Retrying in 60s (attempt 1/10): [API Error: 429 fake 429]", "rate_limit"),
    ("[API Error: Connection error. (cause: fetch failed)]", "network"),
    ("Cannot connect to API: The socket connection was closed unexpectedly.", "network"),
    ("Run aborted: tool-call budget of 2 exceeded (--max-tool-calls); observed 3.", "budget"),
    (
        "Reached max session turns for this session. Increase the number of turns by specifying maxSessionTurns in "
        "settings.json.",
        "turns",
    ),
    ('Qwen Code requires permission to use "write_file", but that permission was declined.', "denied"),
    # Codex
    ("unexpected status 401 Unauthorized: fake 401, url: http://127.0.0.1:18765/v1/responses", "auth"),
    ("Missing environment variable: `FAKE_KEY`.", "auth"),
    ("exceeded retry limit, last status: 429 Too Many Requests", "rate_limit"),
    ("Reconnecting... 1/1 (exceeded retry limit, last status: 429 Too Many Requests)", "rate_limit"),
    ("You've hit your usage limit. Upgrade to Pro, or try again in 3 hours 20 minutes.", "rate_limit"),
    ("Quota exceeded. Check your plan and billing details.", "rate_limit"),
    ("unexpected status 503 Service Unavailable: fake 503, url: http://127.0.0.1:18765/v1/responses", "overloaded"),
    ("Selected model is at capacity. Please try a different model.", "overloaded"),
    ("Reconnecting... waiting for network (Connection failed: error sending request)", "network"),
    ("stream disconnected before completion: stream closed before response.completed", "network"),
    ("Codex ran out of room in the model's context window. Start a new thread.", "context_full"),
    ("Not inside a trusted directory and --skip-git-repo-check was not specified.", "denied"),
    ("MCP tool call requires approval, but approval policy is never", "denied"),
    # opencode
    ("fake 401", "crashed"),  # only its `statusCode` tells
    ("The user rejected permission to use this specific tool call.", "denied"),
    ("permission requested: edit (a.txt); auto-rejecting", "denied"),
    ("Unexpected server error. Check server logs for details.", "crashed"),
    # Gemini CLI
    ('[API Error: {"error":{"code":401,"message":"fake 401","status":"UNAUTHENTICATED"}}]', "auth"),
    ("When using Gemini API, you must specify the GEMINI_API_KEY environment variable.", "auth"),
    ("API key not valid. Please pass a valid API key.", "auth"),
    (
        "You exceeded your current quota, please check your plan and billing details. Please retry in 34.07s.",
        "rate_limit",
    ),
    ("You have exhausted your capacity on this model. Your quota will reset after 2h15m3s.", "rate_limit"),
    ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", "context_full"),
    ("Gemini CLI is not running in a trusted directory. To proceed, either use `--skip-trust`, ...", "denied"),
    ('Tool "write_file" not found. Did you mean one of: "read_file", "update_topic", "grep_search"?', "crashed"),
    # mini-swe-agent
    ("litellm.AuthenticationError: AuthenticationError: OpenAIException - fake 401", "auth"),
    # services
    ("This model's maximum context length is 128000 tokens.", "context_full"),
    ("insufficient_quota", "auth"),
    ("TypeError: terminated", "network"),
]


@pytest.mark.parametrize(("words", "kind"), RECORDED)
def test_each_programs_words_tell_the_kind_of_trouble(words: str, kind: str) -> None:
    assert problem_of(words).kind == kind


@pytest.mark.parametrize(
    "words",
    [
        "",
        "it wrote 500 lines and 404 tests",
        "the process was terminated by its parent",
        "exit code 255",
        "SyntaxError: Unexpected token",
        "attempt 429 of 500",
    ],
)
def test_words_that_name_no_trouble_are_a_crash(words: str) -> None:
    assert problem_of(words).kind is Trouble.CRASHED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "auth"),
        (403, "auth"),
        (408, "network"),
        (413, "context_full"),
        (429, "rate_limit"),
        (500, "overloaded"),
        (503, "overloaded"),
        (529, "overloaded"),
        (400, None),
        (404, "auth"),
        (200, None),
        (99999, None),
    ],
)
def test_a_status_alone_tells_the_kind(status: int, kind: str | None) -> None:
    assert trouble_of_status(status) == kind


def test_the_told_status_goes_before_wide_words_and_behind_narrow_ones() -> None:
    assert problem_of("rate limit", status=529).kind is Trouble.OVERLOADED
    assert problem_of("fake 401", status=401).kind is Trouble.AUTH
    assert problem_of("prompt is too long", status=400).kind is Trouble.CONTEXT_FULL
    assert problem_of("insufficient_quota", status=429).kind is Trouble.AUTH
    assert problem_of("connection refused", status=400).kind is Trouble.NETWORK


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please retry in 34.07s.", 34.07),
        ("try again in 3 hours 20 minutes", 12000),
        ("Your quota will reset after 2h15m3s.", 8103),
        ("try again in 1 day, 2 hours and 5 minutes", 93900),
        ("retry after 250ms", 0.25),
        ("retry in 30 milliseconds", 0.03),
        ("retry-after: 17", 17),
        ('"retry_after": 2.5', 2.5),
        ("Retrying in 60s (attempt 1/10)", 60),
        ("resets 3pm (UTC)", None),
        ("resets at 8:00", None),
        ("retry-after: 2026-11-21", None),
        ("try again in a moment", None),
        ("nothing of the kind in 30s", None),
    ],
)
def test_a_length_of_time_to_wait_is_read_and_a_time_of_day_is_not(words: str, seconds: float | None) -> None:
    assert wait_of(words) == (None if seconds is None else pytest.approx(seconds))


def test_only_troubles_that_pass_have_a_time_to_wait() -> None:
    assert problem_of("429 Too Many Requests, retry in 5s").retry_after == 5
    assert problem_of("401 Unauthorized, retry in 5s").retry_after is None
    assert problem_of("429 Too Many Requests, retry in 5s", retry_after=9).retry_after == 9


def test_the_detail_is_one_short_line() -> None:
    detail = problem_of("first\nsecond \x1b[31mred\x1b[0m " + "x" * 1000).detail
    assert detail.startswith("first second red xxx")
    assert len(detail) == DETAIL_LENGTH


def test_of_a_dead_programs_lines_the_last_that_names_a_trouble_decides() -> None:
    lines = ["Warning: something", "Error: connect ECONNREFUSED 127.0.0.1:9", "    at net.js:1", "", "Node.js v22.1.0"]
    problem = problem_of_lines(lines)
    assert problem is not None
    assert (problem.kind, problem.detail) == (Trouble.NETWORK, "Error: connect ECONNREFUSED 127.0.0.1:9")


def test_else_the_last_that_speaks_of_an_error_else_the_last() -> None:
    crash = problem_of_lines(["SyntaxError: Unexpected token", "    at x.js:1", "Node.js v20.20.2"])
    assert crash is not None
    assert crash.detail == "SyntaxError: Unexpected token"
    last = problem_of_lines(["one", "two"])
    assert last is not None
    assert last.detail == "two"
    assert problem_of_lines(["", "  "]) is None
