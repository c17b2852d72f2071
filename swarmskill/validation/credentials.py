"""PURE. Text that looks like a credential: a short table of formats that cannot be much else.

Left out on purpose: JSON web tokens (test suites are full of harmless ones), password assignments and
strings of high entropy (too many false alarms).
"""

from __future__ import annotations

import re
from typing import Final

# Quantifiers before a fixed part are bounded: the scan of a long line stays linear.
_FORMATS: Final = (
    ("AWS access key id", r"(?:AKIA|ASIA)[0-9A-Z]{16}"),
    ("GitHub token", r"gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{60,}"),
    ("GitLab token", r"glpat-[0-9A-Za-z_-]{20,}"),
    ("Slack token", r"xox[abeprs]-[0-9]{8,}-[0-9A-Za-z-]{16,}|xapp-[0-9]-[0-9A-Z]{8,}-[0-9]{8,}-[0-9a-f]{32,}"),
    ("Stripe live key", r"[rs]k_live_[0-9A-Za-z]{20,}"),
    ("Anthropic key", r"sk-ant-[a-z]{3,8}[0-9]{2}-[0-9A-Za-z_-]{60,}"),
    ("OpenAI key", r"sk-(?:[a-z]{3,8}-)?[0-9A-Za-z_-]{20,200}T3BlbkFJ[0-9A-Za-z_-]{20,}"),
    ("Google API key", r"AIza[0-9A-Za-z_-]{35}"),
    ("Google client secret", r"GOCSPX-[0-9A-Za-z_-]{28}"),
    ("Hugging Face token", r"hf_[A-Za-z]{34}"),
    ("npm token", r"npm_[0-9A-Za-z]{36}"),
    ("PyPI token", r"pypi-AgEI[0-9A-Za-z_-]{60,}"),
    # Only where a key may follow: code that looks for the header has a quote behind it.
    ("private key", r"-----BEGIN (?:[0-9A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?=\s*$|\\n)"),
)

# A token begins after anything but a letter or digit, or after an escape that ends in one: \n, %3D.
_BEGINNING: Final = r"(?:(?<![0-9A-Za-z])|(?<=\\[nrt])|(?<=%[0-9A-F]{2}))"
_TOKEN: Final = re.compile(
    _BEGINNING + "(?:" + "|".join(f"({pattern})" for _, pattern in _FORMATS) + ")(?![0-9A-Za-z])", re.MULTILINE
)
_KEY_BLOCK: Final = re.compile(
    r"-----BEGIN (?:[0-9A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s*$|\\n).*?(?:-----END [0-9A-Z ]+-----|\Z)",
    re.DOTALL | re.MULTILINE,
)
_EXAMPLE: Final = re.compile(r"example|placeholder|redacted|changeme|dummy|fake|your[_-]", re.IGNORECASE)
_FEWEST_CHARACTERS: Final = 6
"""The second half of a real token has more different characters than this; `xxxx…` and `0000…` do not."""


def find_credential(line: str) -> str:
    """What kind of credential the line seems to hold, or ""."""
    for found in _TOKEN.finditer(line):
        kind = _kind(found)
        if kind:
            return kind
    return ""


def mask_credentials(text: str) -> str:
    """The text with all that looks like a credential replaced by its kind."""
    text = _KEY_BLOCK.sub("[masked: private key]", text)
    return _TOKEN.sub(lambda found: f"[masked: {_kind(found)}]" if _kind(found) else found[0], text)


def _kind(found: re.Match[str]) -> str:
    """The kind of what was found; "" for what is obviously an example."""
    kind = _FORMATS[(found.lastindex or 1) - 1][0]
    if kind == "private key":
        return kind
    secret = found[0][len(found[0]) // 2 :]
    return "" if _EXAMPLE.search(found[0]) or len(set(secret)) < _FEWEST_CHARACTERS else kind
