"""TOML files: one table of one, with what is wrong told by place and fix."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from swarmskill.errors import InputError
from swarmskill.sources.findings import found


def read_table(path: Path, name: str, *tables: str) -> tuple[dict[str, Any], str]:
    """The values of a table, the whole file by default, and its JSON pointer; a table that is not there is empty.

    `name` is what the file is called in messages. Raises InputError.
    """
    values, pointer = _read(path, name), ""
    for table in tables:
        values, pointer = values.get(table, {}), f"{pointer}/{table}"
        if not isinstance(values, dict):
            hint = f"write [{'.'.join(tables)}]"
            raise InputError(f"wants a table, found {found(values)}", source=name, place=pointer, hint=hint)
    return values, pointer


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 (byte {error.start})", source=name, hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        found_place = re.search(r"line \d+, column \d+", str(error))
        place = found_place[0] if found_place else "the end of the file"
        problem = re.sub(r" \(at .*\)$", "", str(error))
        raise InputError(f"not valid TOML: {problem}", source=name, place=place, hint="mend the TOML") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=name, hint=f"chmod u+r {path}") from error
