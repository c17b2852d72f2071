"""Stands in for `gh issue`: list, view, comment and close of the issues in a file.

`logged_out`: it refuses as `gh` does without a login. `stuck`: numbers that stay open whatever is said.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

STATE = Path(sys.argv[1])
STORE = json.loads(STATE.read_text())
ARGS = sys.argv[2:]


def end(code: int, printed: str = "", error: str = "") -> None:
    STORE["calls"].append(ARGS)
    STATE.write_text(json.dumps(STORE))
    if error:
        print(error, file=sys.stderr)
    if printed:
        print(printed)
    sys.exit(code)


def option(name: str) -> str | None:
    return next((ARGS[index + 1] for index, word in enumerate(ARGS[:-1]) if word == name), None)


def find(number: str) -> dict[str, Any]:
    found = next((issue for issue in STORE["issues"] if str(issue["number"]) == number), None)
    if found is None:
        end(1, error=f"GraphQL: Could not resolve to an issue or pull request with the number of {number}.")
    return found


def only(issue: dict[str, Any]) -> dict[str, Any]:
    return {key: issue.get(key, []) for key in sorted((option("--json") or "").split(","))}


if STORE.get("logged_out"):
    end(4, error="To get started with GitHub CLI, please run:  gh auth login")
verb = ARGS[1] if ARGS[:1] == ["issue"] else ""
if verb == "list":
    label, state = option("--label"), (option("--state") or "open").upper()
    rows = [
        only(issue)
        for issue in STORE["issues"]
        if not issue.get("elsewhere")
        and (state == "ALL" or issue["state"] == state)
        and (label is None or label in [one["name"] for one in issue["labels"]])
    ]
    end(0, json.dumps(rows[: int(option("--limit") or 30)]))
issue = find(ARGS[2])
if verb == "view":
    end(0, json.dumps(only(issue)))
elif verb == "comment":
    issue.setdefault("comments", []).append({"body": option("--body")})
    end(0, f"https://github.com/octo/todo/issues/{ARGS[2]}#issuecomment-1")
elif verb == "close":
    if issue["state"] == "CLOSED":
        end(0, error=f"! Issue octo/todo#{ARGS[2]} ({issue['title']}) is already closed")
    if ARGS[2] not in STORE.get("stuck", ()):
        issue["state"] = "CLOSED"
    issue.setdefault("comments", []).append({"body": option("--comment")})
    end(0, error=f"✓ Closed issue octo/todo#{ARGS[2]} ({issue['title']})")
end(1, error=f"unknown command {ARGS}")
