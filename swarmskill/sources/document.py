"""From a file's bytes to a tree of plain values: dict, list, str, int, float, bool and None.

JSON is read by the standard library, YAML 1.2 by ruamel. Both give the same tree, and the same
things are refused in both: what JSON cannot say, what the ledger could not write down, and what
would cost more to read than any honest file.
"""

from __future__ import annotations

import difflib
import os
import sys
from functools import reduce
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

from swarmskill.errors import InputError
from swarmskill.records import dataclass
from swarmskill.sources import syntax
from swarmskill.sources.findings import STDIN, Findings, found, pointer, printable, show
from swarmskill.sources.folder import read_folder

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 100
MAX_NODES = 2_000_000

_INT_RANGE = range(-(2**63), 2**64)
"""What other programs' JSON readers, the ledger's among them, take for a whole number."""

_Trail: TypeAlias = "tuple[()] | tuple[_Trail, Any]"
"""How a value was reached: the trail of what holds it, and its key or index. Written out only for problems."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read. `source` is its name for messages, `root` the tree."""

    source: str
    root: Any


def read_document(path: str) -> Document:
    """Read a JSON or YAML file, or a folder with a file for each task; "-" is standard input.

    Files that end in .json, .yaml or .yml are what they say; others are JSON if they begin with
    `[` or `{`, else YAML. Raises InputError.
    """
    source = STDIN if path == "-" else printable(path)
    if path != "-" and os.path.isdir(path):
        return inspected(Document(source, read_folder(Path(path))))
    text = read_text(path)
    root = syntax.parse_json(text, source) if _is_json(path, text) else syntax.parse_yaml(text, source, MAX_NODES)
    return inspected(Document(source, root))


def read_text(path: str) -> str:
    """The text of a file without its byte order mark; "-" is standard input. Raises InputError, if it is empty, too."""
    source = STDIN if path == "-" else printable(path)
    text = _decode(_read(path, source), source)
    if not text.strip():
        raise InputError(
            "the file is empty", source=source, hint='write a list of tasks: [{"id": 1, "subject": "..."}]'
        )
    return text


def inspected(document: Document) -> Document:
    """The document, if nothing in it is what is refused everywhere. Raises InputError."""
    findings = Findings(document.source)
    _inspect(document.root, findings)
    findings.refuse()
    return document


def _read(path: str, source: str) -> bytes:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError("there is no such file", source=source, hint=_nearest_file(Path(path))) from None
    except PermissionError:
        raise InputError("you may not read it", source=source, hint=f"chmod u+r {source}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot be read: {reason}", source=source, hint="name another file") from None
    if len(data) > MAX_BYTES:
        hint = "split the list, or keep long texts in files of the repository and name them"
        raise InputError(f"is over {MAX_BYTES // 2**20} MiB", source=source, hint=hint)
    return data


def _nearest_file(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"there is no folder {printable(str(path.parent))} either: check the path"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {printable(str(path.parent / near[0]))}?" if near else "name an existing file, or - for stdin"


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With a byte order mark the decoder counts from behind it, so look for the place ourselves.
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = data.count(b"\n", 0, offset) + 1
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        charset = "UTF-16" if utf16 else "ISO-8859-1"
        raise InputError(
            f"byte 0x{data[offset]:02x} at offset {offset} is not UTF-8",
            source=source,
            place=f"line {line}",
            hint=f"save the file as UTF-8, for example: iconv -f {charset} -t UTF-8 {source}",
        ) from None


def _is_json(path: str, text: str) -> bool:
    suffix = Path(path).suffix.lower()
    if suffix in (".json", ".yaml", ".yml"):
        return suffix == ".json"
    return text.lstrip()[:1] in ("[", "{")


def _inspect(root: Any, findings: Findings) -> None:
    """Walk the whole tree once and note everything that is no plain value.

    Walks with its own stack and counts what it sees: aliases of YAML may make a small file a huge
    tree, or one without an end.
    """
    nodes = 0
    stack: list[tuple[Any, _Trail, int]] = [(root, (), 1)]
    while stack:
        value, trail, depth = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            syntax.refuse_size(findings.source, MAX_NODES)
        if depth > MAX_DEPTH:
            findings.problem(_place(trail), f"is nested more than {MAX_DEPTH} levels deep", "make it flatter")
            return
        if isinstance(value, dict):
            _inspect_keys(value, trail, findings)
            stack += [(item, (trail, key), depth + 1) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            stack += [(value[index], (trail, index), depth + 1) for index in range(len(value) - 1, -1, -1)]
        else:
            _inspect_scalar(value, trail, findings)


def _place(trail: _Trail) -> str:
    steps = []
    while trail:
        trail, step = trail
        steps.append(step)
    return reduce(lambda place, step: pointer(place, step if isinstance(step, int) else str(step)), steps[::-1], "")


def _inspect_keys(value: dict[Any, Any], trail: _Trail, findings: Findings) -> None:
    for key in getattr(value, "repeated", ()):
        findings.problem(pointer(_place(trail), key), "this key is there more than once", "keep one of them")
    for key in value:
        if not isinstance(key, str):
            findings.problem(_place(trail), f"wants text as a key, found {found(key)}", f'quote it: "{key}"')
        elif not _is_unicode(key):
            findings.problem(_place(trail), f"the key {show(key)} is not valid Unicode", "remove the lone surrogate")


def _inspect_scalar(value: Any, trail: _Trail, findings: Findings) -> None:
    match value:
        case None | bool():
            pass
        case str():
            if not _is_unicode(value):
                findings.problem(_place(trail), f"{show(value)} is not valid Unicode", "remove the lone surrogate")
        case int():
            if value not in _INT_RANGE:
                findings.problem(_place(trail), "is a number of more than 64 bits", "write it as text, in quotes")
        case float():
            if not isfinite(value):
                findings.problem(_place(trail), "is not a finite number", "write a number, or null")
        case _:
            text = f"is a {type(value).__name__}, which JSON does not know"
            findings.problem(_place(trail), text, "write it as text, in quotes")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
