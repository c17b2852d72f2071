"""What `bd` (Beads) prints, in every shape that its versions have had."""

from __future__ import annotations

from typing import Any


def issues_in(value: Any) -> list[dict[str, Any]] | None:
    """The issues in a value that `bd ... --json` printed; None if it is no list of issues.

    It may be a list, one object, null for none, or any of them in an envelope (`{schema_version, data}`).
    """
    if isinstance(value, dict) and "id" not in value and "data" in value:
        value = value["data"]
    if isinstance(value, dict) and "id" not in value and "issues" in value:
        value = value["issues"]
    if value is None:
        return []
    listed = value if isinstance(value, list) else [value]
    return listed if all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in listed) else None
