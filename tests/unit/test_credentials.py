"""Credentials are found by their format, examples are let through, and a masked text holds none."""

import time

import pytest

from swarmskill.validation.credentials import find_credential, mask_credentials

# Put together here, so that this file itself passes the scan.
MIXED = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4gH6jK8mN0pQ2sT4vW6yZ8aB1cD3eF5gH7jK9lM2nP4"
LETTERS = "aBdEgHjKmNpQsTvWyZbCdFgHjKmNpQsTvWyZ"
TOKENS = {
    "AWS access key id": "AKIA" + "Q3EGRIW4XB7ZLT5M",
    "GitHub token": "ghp_" + MIXED[:36],
    "GitLab token": "glpat-" + MIXED[:20],
    "Slack token": "xoxb-" + "123456789012-345678901234-" + MIXED[:24],
    "Stripe live key": "sk_live_" + MIXED[:24],
    "Anthropic key": "sk-ant-" + "api03-" + MIXED,
    "OpenAI key": "sk-proj-" + MIXED[:30] + "T3Blbk" + "FJ" + MIXED[:30],
    "Google API key": "AIza" + MIXED[:35],
    "Google client secret": "GOCSPX-" + MIXED[:28],
    "Hugging Face token": "hf_" + LETTERS[:34],
    "npm token": "npm_" + MIXED[:36],
    "PyPI token": "pypi-" + "AgEI" + MIXED,
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_is_found_and_masked_wherever_it_stands(kind: str) -> None:
    for line in (
        TOKENS[kind],
        f"    key = {TOKENS[kind]}",
        f"\t{TOKENS[kind]}",
        f"a\\n{TOKENS[kind]}",
        f"a%3D{TOKENS[kind]}",
    ):
        assert kind == find_credential(line)
        assert TOKENS[kind] not in mask_credentials(line)
        assert f"[masked: {kind}]" in mask_credentials(line)


def test_other_forms_of_the_same_kinds_are_found() -> None:
    assert find_credential("github_" + "pat_" + MIXED[:22] + "_" + MIXED[:59]) == "GitHub token"
    assert find_credential("sk-" + MIXED[:20] + "T3Blbk" + "FJ" + MIXED[:20]) == "OpenAI key"
    assert find_credential('"private_key": "-----BEGIN ' + 'PRIVATE KEY-----\\nMIIEvQ"') == "private key"
    assert find_credential("-----BEGIN OPENSSH " + "PRIVATE KEY-----\r") == "private key"


@pytest.mark.parametrize(
    "line",
    [
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
        "AKIAXXXXXXXXXXXXXXXX",
        "GITHUB_TOKEN=ghp_" + "x" * 36,
        "ghp_your_token_goes_here",
        "sk_live_" + "0" * 24,
        "sk_test_" + MIXED[:24],
        "password = 'correct horse battery staple'",
        "api_key: ${API_KEY}",
        'if "-----BEGIN ' + 'PRIVATE KEY-----" in text:',
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "mask-" + "A" * 16 + "-AKIA",
        "sha512-" + MIXED + MIXED,
    ],
)
def test_examples_and_harmless_text_are_let_through_unchanged(line: str) -> None:
    assert find_credential(line) == ""
    assert mask_credentials(line) == line


def test_an_example_does_not_hide_a_real_token_on_the_same_line() -> None:
    line = "AKIAIOSFODNN7EXAMPLE is not " + TOKENS["AWS access key id"]
    assert find_credential(line) == "AWS access key id"
    assert mask_credentials(line) == "AKIAIOSFODNN7EXAMPLE is not [masked: AWS access key id]"


def test_the_body_of_a_private_key_is_masked_with_its_header() -> None:
    header, end = "-----BEGIN " + "PRIVATE KEY-----", "-----END " + "PRIVATE KEY-----"
    assert mask_credentials(f"a\n{header}\n{MIXED}\n{end}\nb") == "a\n[masked: private key]\nb"
    assert MIXED not in mask_credentials(f"a\n{header}\n{MIXED}\nwithout an end")


@pytest.mark.parametrize("bait", ["-", "A ", "sk-ant-", "sk-abc-", "AIza", "xoxb-", "-----BEGIN ", "github_pat_"])
def test_a_long_line_of_almost_tokens_is_scanned_quickly(bait: str) -> None:
    began = time.perf_counter()
    find_credential(bait * (100_000 // len(bait)))
    assert time.perf_counter() - began < 1
