"""Stands in for `bd` (Beads), as of February 2026 (`old`) or later, wrong behaviours included.

`old`: at most 10 issues without a limit, `close` ends with 0 and prints nothing when it closed nothing.
`envelope`: JSON comes as {schema_version, data}. `show_object`: `show` prints an object. `chatter`: a line of text
goes before the JSON of `update` and `close`. `pinned`: ids that cannot be closed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

STATE = Path(sys.argv[1])
STORE = json.loads(STATE.read_text())
ARGS = sys.argv[2:]
OLD = STORE.get("old", False)


def end(code: int, printed: Any = None, error: str = "") -> None:
    STORE["calls"].append(ARGS)
    STATE.write_text(json.dumps(STORE))
    if error:
        print(error if OLD else json.dumps({"error": error, "code": "failed"}), file=sys.stderr)
    if printed is not None:
        if STORE.get("chatter") and ARGS[0] in ("update", "close"):
            print("Warning: the daemon is older than the client")
        value = {"schema_version": 1, "data": printed} if STORE.get("envelope") else printed
        print(json.dumps(value, indent=2))
    sys.exit(code)


def option(*names: str) -> str | None:
    return next((ARGS[index + 1] for index, word in enumerate(ARGS[:-1]) if word in names), None)


def find(bead: str) -> dict[str, Any]:
    found = next((issue for issue in STORE["issues"] if issue["id"] == bead), None)
    if found is None:
        end(1, error=f"no issue found matching {bead!r}")
    return found


def ready() -> None:
    closed = {issue["id"] for issue in STORE["issues"] if issue["status"] == "closed"}
    known = {issue["id"] for issue in STORE["issues"]}
    rows = [
        {key: value for key, value in issue.items() if key not in ("dependencies", "comments")}
        for issue in STORE["issues"]
        if issue["status"] == "open"
        and all(
            one["id"] in closed or one["id"] not in known
            for one in issue.get("dependencies", ())
            if one["dependency_type"] == "blocks"
        )
        and (option("--parent") in (None, issue.get("parent")))
        and (option("--label", "-l") is None or option("--label", "-l") in issue.get("labels", ()))
        and (option("--type", "-t") in (None, issue["issue_type"]))
    ]
    limit = int(option("-n", "--limit") or (10 if OLD else 100))
    end(0, rows[:limit] if limit else rows)


def show() -> None:
    issue = find(ARGS[1])
    end(0, issue if STORE.get("show_object") else [issue])


def close() -> None:
    issue, blockers = find(ARGS[1]), []
    for one in issue.get("dependencies", ()):
        if one["dependency_type"] == "blocks" and find(one["id"])["status"] != "closed":
            blockers.append(one["id"])
    if ARGS[1] in STORE.get("pinned", ()) or blockers:
        why = f"blocked by {', '.join(blockers)}" if blockers else "is pinned"
        STORE["calls"].append(ARGS)
        STATE.write_text(json.dumps(STORE))
        print(f"cannot close {ARGS[1]}: {why} (use --force)", file=sys.stderr)
        sys.exit(0 if OLD else 1)
    issue |= {"status": "closed", "close_reason": option("--reason")}
    end(0, [issue])


def update() -> None:
    issue = find(ARGS[1])
    if "--claim" in ARGS:
        if issue["status"] == "in_progress" or issue.get("assignee"):
            end(1, error=f"Error claiming {issue['id']}: already claimed by {issue.get('assignee')}")
        issue |= {"status": "in_progress", "assignee": "me"}
    if (status := option("--status")) is not None:
        issue["status"] = status
    if (assignee := option("--assignee")) is not None:
        issue["assignee"] = assignee
    if (notes := option("--append-notes")) is not None:
        issue["notes"] = "\n".join(part for part in (issue.get("notes", ""), notes) if part)
    if (label := option("--add-label")) is not None:
        issue.setdefault("labels", []).append(label)
    end(0, [issue])


def comments() -> None:
    issue = find(ARGS[2])
    issue.setdefault("comments", []).append({"id": len(issue.get("comments", ())) + 1, "author": "me", "text": ARGS[3]})
    end(0)


VERBS = {"ready": ready, "show": show, "close": close, "update": update, "comments": comments}
if not ARGS or ARGS[0] not in VERBS:
    print(f'Error: unknown command {ARGS[:1]} for "bd"', file=sys.stderr)
    sys.exit(1)
VERBS[ARGS[0]]()
