"""`dataclass` as in the standard library, but quick to define.

The standard library writes the source of six methods for each class and compiles them, at each start of the program:
a third of a millisecond a class, and a verb defines some hundred. Here `__init__` is compiled when it is first asked
for, and the other methods need no compiling. What a class does is the same; `tests/unit/test_records.py` compares.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - to type checkers there is no difference
else:
    from collections.abc import Callable
    from typing import Any

    def dataclass(
        *, frozen: bool = False, slots: bool = False, kw_only: bool = False, **others: bool
    ) -> Callable[[type], type]:
        """The standard library's; for a frozen class with slots, with methods that cost nothing before they are called.

        Subclasses of such a class have to be made by this decorator, too.
        """
        if others or not (frozen and slots):
            return dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only, **others)
        fields_only = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)
        return lambda cls: _with_methods(fields_only(cls), set(vars(cls)))

    def _with_methods(cls: type, own: set[str]) -> type:
        fields = dataclasses.fields(cls)
        methods = {
            "__init__": _Init(cls),
            "__repr__": _repr_of([field.name for field in fields if field.repr]),
            "__setattr__": _refuse_change,
            "__delattr__": _refuse_change,
            "__setstate__": _fill,
            **_comparison([field.name for field in fields if field.compare]),
        }
        for name, method in methods.items():
            if name not in own:
                setattr(cls, name, method)
        return cls

    class _Init:
        """Stands for a class's `__init__` until somebody asks for it."""

        def __init__(self, cls: type) -> None:
            self._cls = cls

        def __get__(self, instance: object, owner: type) -> Any:
            init = _write_init(self._cls)
            self._cls.__init__ = init
            return init.__get__(instance, owner)

    def _write_init(cls: type) -> Any:
        known: dict[str, Any] = {"_missing": dataclasses.MISSING}
        words, lines = ["self"], []
        fields = dataclasses.fields(cls)
        for field in sorted(fields, key=attrgetter("kw_only")):
            name = field.name
            if field.kw_only and "*" not in words:
                words.append("*")
            known |= {f"_of_{name}": field.default, f"_set_{name}": getattr(cls, name).__set__}
            made = field.default_factory is not dataclasses.MISSING
            if made:
                known[f"_make_{name}"] = field.default_factory
                lines.append(f" if {name} is _missing: {name} = _make_{name}()")
            words.append(f"{name}=_of_{name}" if made or field.default is not dataclasses.MISSING else name)
            lines.append(f" _set_{name}(self, {name})")
        if hasattr(cls, "__post_init__"):
            lines.append(" self.__post_init__()")
        exec("\n".join([f"def __init__({', '.join(words)}):", *(lines or [" pass"])]), known)  # noqa: S102 - as the standard library does it
        init = known["__init__"]
        init.__annotations__ = {**{field.name: field.type for field in fields}, "return": None}
        init.__qualname__, init.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
        return init

    def _repr_of(names: list[str]) -> Callable[[object], str]:
        @recursive_repr()
        def __repr__(self: object) -> str:  # noqa: N807 - it becomes the class's
            values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
            return f"{type(self).__qualname__}({values})"

        return __repr__

    def _comparison(names: list[str]) -> dict[str, Callable[..., Any]]:
        values = attrgetter(*names) if names else type

        def __eq__(self: object, other: object) -> bool:  # noqa: N807
            return values(self) == values(other) if type(other) is type(self) else NotImplemented

        def __hash__(self: object) -> int:  # noqa: N807
            return hash(values(self))

        return {"__eq__": __eq__, "__hash__": __hash__}

    def _fill(self: object, state: tuple[None, dict[str, Any]]) -> None:
        """How a copy gets what the original has."""
        for name, value in state[1].items():
            object.__setattr__(self, name, value)

    def _refuse_change(self: object, name: str, *_: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")
