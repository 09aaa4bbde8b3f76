"""PURE: values as columns: an object is made only where one is looked at.

Nearly all values of a kind say the same few things. An object for each of them would cost more than
everything that is done with it; a column is handled by one call.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import compress
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Self, TypeVar, overload

T = TypeVar("T")
Same = TypeVar("Same", bound=Hashable)

NONE: Mapping[int, Any] = MappingProxyType({})


class Table(Sequence[T]):
    """Values in their order; the columns are for reading only, `put` changes a value.

    It keeps the lists that it is made of. `others` has, by their places, those that are more than
    their columns say.
    """

    __slots__ = ("columns", "others")

    def __init__(self, columns: Iterable[list[Any]], *, others: Mapping[int, T] = NONE) -> None:
        self.columns = tuple(columns)
        self.others = {**others} if others else {}

    @abstractmethod
    def _row(self, value: T) -> tuple[Any, ...]:
        """Return what each column says of a value."""

    @abstractmethod
    def _is_more(self, value: T) -> bool:
        """Return whether a value is more than its columns say."""

    @abstractmethod
    def _plain(self, at: int) -> T:
        """Return the value that columns say all of."""

    def put(self, at: int, value: T) -> None:
        """Put a value in a place."""
        for column, each in zip(self.columns, self._row(value), strict=True):
            column[at] = each
        self.others.pop(at, None)
        if self._is_more(value):
            self.others[at] = value

    def append(self, value: T) -> None:
        """Put a value at the end."""
        if self._is_more(value):
            self.others[len(self.columns[0])] = value
        for column, each in zip(self.columns, self._row(value), strict=True):
            column.append(each)

    def extend(self, values: Self) -> None:
        """Put values at the end."""
        if values.others:
            before = len(self.columns[0])
            self.others.update({before + at: value for at, value in values.others.items()})
        for column, more in zip(self.columns, values.columns, strict=True):
            column.extend(more)

    def without(self, refused: Collection[int]) -> Self:
        """Return the values that are not in some places."""
        return self.where([at not in refused for at in range(len(self))])

    def where(self, wanted: Sequence[bool]) -> Self:
        """Return the values that are wanted."""
        return self._some(lambda column: [*compress(column, wanted)])

    def at(self, places: Sequence[int]) -> Self:
        """Return the values in some places."""
        return self._some(lambda column: [*map(column.__getitem__, places)])

    def _some(self, some: Callable[[list[Any]], list[Any]]) -> Self:
        """Return some of the values; the same of each column."""
        columns = map(some, self.columns)
        if not self.others:
            return type(self)(columns)
        places = some([*range(len(self))])
        others = {now: self.others[at] for now, at in enumerate(places) if at in self.others}
        return type(self)(columns, others=others)

    def __len__(self) -> int:
        return len(self.columns[0])

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> Self: ...

    def __getitem__(self, at: int | slice) -> T | Self:
        if isinstance(at, slice):
            return self._some(itemgetter(at))
        return self._value(range(len(self))[at])

    def __iter__(self) -> Iterator[T]:
        return map(self._value, range(len(self)))

    def _value(self, at: int) -> T:
        return self.others[at] if at in self.others else self._plain(at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({[*self]!r})"


def places_of(column: Iterable[Same]) -> Mapping[Same, Sequence[int]]:
    """Return where each value of a column is."""
    places: defaultdict[Same, list[int]] = defaultdict(list)
    for at, value in enumerate(column):
        places[value].append(at)
    return places


def put_all(values: Iterable[T], places: Iterable[int], *, into: list[T]) -> None:
    """Put each value in its place of a column."""
    for at, value in zip(places, values, strict=True):
        into[at] = value
