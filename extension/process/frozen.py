"""Immutable values that cost a cold start next to nothing.

`@dataclass(frozen=True)` writes and compiles half a dozen methods for every class; for the sixty
classes of this package that took a sixth of the time to the first /next. These classes share their
methods instead, with the properties that matter: arguments are checked, attributes cannot be
assigned, and values are equal if all their fields are.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, ClassVar, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T", bound="Frozen")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Frozen:
    """Base of values: the annotations of a subclass are its fields, in order.

    A field with a value in the class is optional; all instances share that default, so it must not
    be mutable. Arguments are keyword-only: use a NamedTuple for small values read by position.
    """

    _fields: ClassVar[tuple[str, ...]]
    _allowed: ClassVar[frozenset[str]]
    _required: ClassVar[frozenset[str]]
    _values: ClassVar[attrgetter[Any]]

    def __init_subclass__(cls) -> None:
        names = tuple(cls.__annotations__)
        cls._fields = names
        cls._allowed = frozenset(names)
        cls._required = frozenset(name for name in names if name not in vars(cls))
        cls._values = attrgetter(*names)

    def __init__(self, **named: Any) -> None:
        if not self._required <= named.keys() <= self._allowed:
            raise TypeError(self._complaint(named))
        self.__dict__.update(named)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and bool(self._values(self) == self._values(other))

    def __hash__(self) -> int:
        return hash(self._values(self))

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def _complaint(self, named: dict[str, Any]) -> str:
        missing = sorted(self._required - named.keys())
        unknown = sorted(named.keys() - self._allowed)
        return f"{type(self).__name__}: missing {missing}, unknown {unknown}"


def fields(shape: type[Frozen] | Frozen) -> tuple[str, ...]:
    """Return the names of the fields, in order."""
    return shape._fields


def as_dict(value: Frozen) -> dict[str, Any]:
    """Return the values of the fields by name."""
    return {name: getattr(value, name) for name in fields(value)}


def replace(value: T, **changes: Any) -> T:
    """Return a copy of a value with some fields changed."""
    return type(value)(**value.__dict__ | changes)
