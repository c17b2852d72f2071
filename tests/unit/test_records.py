"""Classes made by our `dataclass` do what those of the standard library do."""

import copy
import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, replace
from typing import Any

import pytest

from swarmskill.records import dataclass

Maker = Callable[..., Any]


def family(make: Maker) -> dict[str, type]:
    """The same classes by either decorator."""

    @make(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 2
        tags: list[str] = field(default_factory=list)

        def far(self) -> bool:
            return self.x > 100

    @make(frozen=True, slots=True, kw_only=True)
    class Base:
        at: float
        note: str = ""

    @make(frozen=True, slots=True, kw_only=True)
    class Event(Base):
        task: str
        attempt: int = 1

    @make(frozen=True, slots=True)
    class Mixed:
        a: int
        b: int = field(default=1, kw_only=True)
        c: int = 3

    @make(frozen=True, slots=True)
    class Secret:
        name: str
        key: str = field(repr=False, default="k")
        cache: int = field(default=0, compare=False)

    @make(frozen=True, slots=True)
    class Checked:
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("upside down")

    @make(frozen=True, slots=True)
    class Named:
        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Named) and other.name.lower() == self.name.lower()

        def __hash__(self) -> int:
            return hash(self.name.lower())

        def __repr__(self) -> str:
            return f"<{self.name}>"

    @make(frozen=True, slots=True)
    class Empty:
        pass

    return {name: found for name, found in locals().items() if isinstance(found, type)}


OURS, THEIRS = family(dataclass), family(dataclasses.dataclass)

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Point", (1,), {}),
    ("Point", (1, 5, ["a"]), {}),
    ("Point", (), {"y": 1, "x": 2}),
    ("Point", (), {}),
    ("Point", (1, 2, [], 4), {}),
    ("Point", (1,), {"z": 1}),
    ("Base", (), {"at": 1.0}),
    ("Base", (1.0,), {}),
    ("Event", (), {"at": 1.0, "task": "a"}),
    ("Event", (), {"at": 1.0, "task": "a", "attempt": 2, "note": "n"}),
    ("Event", (), {"task": "a"}),
    ("Mixed", (1, 2), {"b": 5}),
    ("Mixed", (1, 2, 3), {}),
    ("Secret", ("n", "hidden"), {}),
    ("Checked", (1, 2), {}),
    ("Checked", (2, 1), {}),
    ("Named", ("Ada",), {}),
    ("Empty", (), {}),
]


def outcome(classes: dict[str, type], name: str, args: Any, kwargs: Any) -> object:
    """What a call leads to, in words."""
    try:
        made = classes[name](*args, **kwargs)
    except (TypeError, ValueError) as error:
        return type(error), str(error).partition("__init__")[2] or str(error)
    return repr(made), dataclasses.asdict(made), [f.name for f in dataclasses.fields(made)]


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_a_call_makes_or_refuses_the_same(name: str, args: Any, kwargs: Any) -> None:
    assert outcome(OURS, name, args, kwargs) == outcome(THEIRS, name, args, kwargs)


@pytest.mark.parametrize("name", OURS)
def test_the_signature_is_the_same(name: str) -> None:
    fresh = family(dataclass)[name]  # of which nobody has asked anything yet
    found, expected = (inspect.signature(cls).parameters.values() for cls in (fresh, THEIRS[name]))
    assert [(p.name, p.kind, p.annotation) for p in found] == [(p.name, p.kind, p.annotation) for p in expected]


@pytest.mark.parametrize("classes", [OURS, THEIRS], ids=["ours", "theirs"])
def test_equality_and_hash_go_by_the_fields_and_the_class(classes: dict[str, type]) -> None:
    event, base, secret, named = (classes[name] for name in ("Event", "Base", "Secret", "Named"))
    one, other = event(at=1.0, task="a"), event(at=1.0, task="a")
    assert one == other
    assert hash(one) == hash(other)
    assert one != event(at=1.0, task="b")
    assert one != base(at=1.0)
    assert one != "a"
    assert secret("a", cache=1) == secret("a", cache=2)
    assert hash(secret("a", cache=1)) == hash(secret("a", cache=2))
    assert secret("a", "1") != secret("a", "2")
    assert classes["Empty"]() == classes["Empty"]()
    assert {named("Ada"), named("ADA")} == {named("ada")}
    with pytest.raises(TypeError, match="unhashable"):
        hash(classes["Point"](1))


@pytest.mark.parametrize("classes", [OURS, THEIRS], ids=["ours", "theirs"])
def test_nothing_can_be_changed(classes: dict[str, type]) -> None:
    point = classes["Point"](1)
    for change in (lambda: setattr(point, "x", 2), lambda: setattr(point, "z", 2), lambda: delattr(point, "x")):
        with pytest.raises((FrozenInstanceError, TypeError)):
            change()
    assert point.x == 1
    assert not hasattr(point, "__dict__")


@pytest.mark.parametrize("classes", [OURS, THEIRS], ids=["ours", "theirs"])
def test_copies_are_equal_and_replaced_fields_are_not(classes: dict[str, type]) -> None:
    event, checked = classes["Event"](at=1.0, task="a"), classes["Checked"](1, 2)
    assert copy.copy(event) == event
    assert copy.deepcopy(classes["Point"](1, 2, ["a"])) == classes["Point"](1, 2, ["a"])
    assert replace(event, attempt=4) == classes["Event"](at=1.0, task="a", attempt=4)
    with pytest.raises(ValueError, match="upside down"):
        replace(checked, low=3)


@pytest.mark.parametrize("classes", [OURS, THEIRS], ids=["ours", "theirs"])
def test_factories_are_asked_each_time_and_patterns_match(classes: dict[str, type]) -> None:
    point = classes["Point"]
    one = point(1)
    one.tags.append("a")
    assert point(1).tags == []
    match one:
        case point(1, y):
            assert y == 2
        case _:
            pytest.fail("no match")
    assert not one.far()


def test_others_are_left_to_the_standard_library() -> None:
    @dataclass(slots=True)
    class Counter:
        count: int = 0

    @dataclass(frozen=True, order=True)
    class Ranked:
        rank: int

    counter = Counter()
    counter.count += 1
    assert counter == Counter(1)
    assert Ranked(1) < Ranked(2)
