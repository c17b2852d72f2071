"""The two parsers, with their errors turned into a place and a fix."""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from math import inf
from typing import Any, NoReturn

from swarmskill.errors import InputError
from swarmskill.sources.findings import printable, show

_YAML_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.2 does not allow in a document; a byte order mark in the middle is told so, too."""


class Repeated(dict[str, Any]):
    """An object in which keys came more than once; `repeated` are those keys."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = [key for key, count in counts.items() if count > 1]


def parse_json(text: str, source: str) -> Any:
    """Parse JSON. Objects with repeated keys come back as Repeated. Raises InputError."""
    try:
        return json.loads(text, object_pairs_hook=_make_object)
    except json.JSONDecodeError as error:
        problem, position, hint = _explain(error)
        place = _line_and_column(text, position)
        raise InputError(problem, source=source, place=place, hint=hint) from None
    except RecursionError:
        raise _too_deep(source) from None
    except ValueError:
        # Python refuses to convert numbers of thousands of digits, without telling where.
        hint = "find the number with thousands of digits, and write it as text, in quotes"
        raise InputError("has a number that is too long", source=source, hint=hint) from None


def parse_yaml(text: str, source: str, max_nodes: int) -> Any:
    """Parse one YAML 1.2 document of up to `max_nodes` nodes, aliases expanded. Raises InputError.

    Dates stay text, so that a tree from YAML holds nothing that one from JSON could not.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor

    class PlainConstructor(SafeConstructor):
        def get_single_data(self) -> Any:
            node = self.composer.get_single_node()
            if node is None:
                return None
            if _expanded_size(node) > max_nodes:
                refuse_size(source, max_nodes)
            return self.construct_document(node)

    PlainConstructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = PlainConstructor
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return yaml.load(text)
    except InputError:
        raise
    except RecursionError:
        raise _too_deep(source) from None
    except Exception as error:
        raise _yaml_error(error, text, source) from None


def refuse_size(source: str, max_nodes: int) -> NoReturn:
    """Raise InputError for a file that holds, or unfolds to, too many values."""
    hint = "split the list; in YAML, write out what aliases (*name) repeat"
    raise InputError(f"holds more than {max_nodes} values", source=source, hint=hint)


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


def _too_deep(source: str) -> InputError:
    return InputError("is nested too deep", source=source, hint="make the lists and objects flatter")


def _line_and_column(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line}, column {column}"


def _explain(error: json.JSONDecodeError) -> tuple[str, int, str]:
    """Problem, position and fix. Python's own messages differ between versions and name no fix."""
    text, position = error.doc, error.pos
    here = text[position : position + 1]
    # From 3.13 on the error stands at a trailing comma, before that behind it.
    before = len(text[:position].rstrip()) - 1
    comma = position if here == "," else before
    closer = text[comma + 1 :].lstrip()[:1] if text[comma : comma + 1] == "," else ""
    if closer and closer in "]}":
        return f'a "," before the closing "{closer}"', comma, "remove the comma"
    if not here:
        return "the file ends in the middle of a value", position, "was it cut off? Close what is open"
    if error.msg == "Extra data":
        return f"something follows the list: {_around(text, position)}", position, "remove all that follows it"
    if error.msg.startswith("Invalid control character"):
        return "a line break or control character inside text", position, r"write \n for a line break"
    if error.msg.startswith("Invalid \\"):
        return f"an unknown escape: {_around(text, position)}", position, r"write \\ for one backslash"
    if error.msg.startswith("Unterminated string"):
        return "text that is never closed", position, 'add the closing "'
    if error.msg == "Expecting ',' delimiter":
        return f'wants "," here, found {_around(text, position)}', position, "add the comma, or close what is open"
    if error.msg == "Expecting ':' delimiter":
        return f'wants ":" after a key, found {_around(text, position)}', position, "add the colon"
    return _explain_value(error.msg, text, position)


def _explain_value(message: str, text: str, position: int) -> tuple[str, int, str]:
    wanted = "a value" if message == "Expecting value" else "a key in double quotes"
    hints = {
        "'": 'write "double quotes"',
        "/": "JSON has no comments: remove it, or save the file as .yaml with # comments",
        "#": "JSON has no comments: remove it, or save the file as .yaml",
        "T": "write true",
        "F": "write false",
        "N": "write null",
    }
    hint = hints.get(text[position], "write it in double quotes, or save the file as .yaml")
    return f"wants {wanted} here, found {_around(text, position)}", position, hint


def _around(text: str, position: int) -> str:
    words = text[position : position + 20].split("\n", maxsplit=1)[0].split()
    return show(words[0]) if words else "a line break"


def _expanded_size(root: Any) -> float:
    """How many nodes the tree has once every alias is written out; infinite for one that holds itself.

    Counts each node once, after what is below it, so the cost is that of the file as written. What
    was entered and has no size yet is the path from the root to the current node.
    """
    sizes: dict[int, int] = {}
    entered: set[int] = set()
    stack: list[Any] = [root]
    while stack:
        node = stack[-1]
        children = _children(node)
        if id(node) not in entered:
            entered.add(id(node))
            waiting = [child for child in children if id(child) not in sizes]
            if any(id(child) in entered for child in waiting):
                return inf
            if waiting:
                stack += waiting
                continue
        stack.pop()
        sizes.setdefault(id(node), 1 + sum(sizes[id(child)] for child in children))
    return sizes[id(root)]


def _children(node: Any) -> list[Any]:
    """The nodes below one of ruamel's nodes: a scalar's value is text, a mapping's are pairs."""
    if isinstance(node.value, str):
        return []
    return [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]


def _yaml_error(error: Exception, document: str, source: str) -> InputError:
    """The parser's error in one line; `problem` and `problem_mark` are there for most."""
    control = _YAML_CONTROL.search(document)
    if type(error).__name__ == "ReaderError" and control is not None:
        problem = f"not valid YAML: the control character U+{ord(control.group()):04X}"
        place = _line_and_column(document, control.start())
        return InputError(problem, source=source, place=place, hint="remove it, or write it as an escape in quotes")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    text = getattr(error, "problem", None) or str(error) or type(error).__name__
    words = printable(" ".join(text.split("\n")[0].split()))
    if "duplicate key" in words:
        key = words.partition("duplicate key")[2].split(" with ")[0].strip()
        return InputError(f"the key {key} is there more than once", source=source, place=place, hint="keep one of them")
    hints = {
        "but found another document": "keep one document: remove the line ---",
        "cannot start any token": "put the text in quotes",
        "found character '\\t'": "indent with spaces, not tabs",
        "mapping values are not allowed": 'put text that holds ": " in quotes',
        "could not determine a constructor": "remove the !tag",
        "undefined alias": "define it before: &name",
    }
    hint = next((hint for words_of, hint in hints.items() if words_of in str(error)), "mend the YAML at this place")
    return InputError(f"not valid YAML: {words}", source=source, place=place, hint=hint)
