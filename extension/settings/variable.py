"""How one environment variable is declared and read; `config` says which there are.

A bad value never stops the process: the default is used and a `Problem` names the variable,
what is allowed and, where it cannot be a secret, the value: a key may be in the wrong variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from extension.process.frozen import Frozen, fields
from extension.settings.kinds import Kind, ReplacedError

T = TypeVar("T")
Section = TypeVar("Section", bound=Frozen)

NONE: Mapping[str, str] = MappingProxyType({})

ONE = r"[-+]?[0-9]{1,7}(?:\.[0-9]{1,4})?|[a-z]{1,11}|[A-Z]{1,11}|[A-Z][a-z]{1,10}"
HARMLESS = re.compile(rf".?|(?:{ONE})(?: ?[,;|] ?(?:{ONE})){{0,4}}")
"""A number, a word or a few of either: what redaction does not take for a secret."""


class Variable(Frozen):
    """One row of the configuration table, and the default of its field in a section."""

    name: str
    kind: Kind[Any]
    default: Any
    unit: str
    meaning: str

    def __get__(self, section: object | None, kind: type[Any]) -> Any:
        """Be the row in the section's class, and its default in a section that has no value."""
        return self if section is None else self.default


class Problem(Frozen):
    """A value that could not be used as it is."""

    variable: str
    reason: str

    def __str__(self) -> str:
        return f"{self.variable} {self.reason}"


def variable(name: str, kind: Kind[T], default: T, *, meaning: str, unit: str = "") -> T:
    """Declare a field that is read from the variable `name`."""
    row: Any = Variable(name=name, kind=kind, default=default, unit=unit, meaning=meaning)
    declared: T = row
    return declared


def variables(section: type[Frozen]) -> tuple[Variable, ...]:
    """Return the rows that a section declares, in order, with those of the sections in it."""
    rows: list[Variable] = []
    for declared in _declared(section).values():
        rows += [declared] if isinstance(declared, Variable) else variables(type(declared))
    return tuple(rows)


def _declared(section: type[Frozen]) -> dict[str, Variable | Frozen]:
    """Return by field its row, or the default of a section in this one."""
    return {name: getattr(section, name) for name in fields(section)}


def read(
    section: type[Section], environ: Mapping[str, str], *, sources: Mapping[str, str] = NONE
) -> tuple[Section, tuple[Problem, ...]]:
    """Build a section from the environment; unset and empty variables take their default.

    `sources` names the variables that values come from, where these are not the rows' own.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, row in _declared(section).items():
        if not isinstance(row, Variable):
            values[name], found = read(type(row), environ, sources=sources)
            problems += found
            continue
        text = environ.get(row.name, "").strip()
        if not text:
            continue
        try:
            values[name] = row.kind.parse(text)
        except ReplacedError as error:
            values[name] = error.value
            problems.append(_problem(row, text, error.consequence, sources))
        except ValueError:
            instead = "" if row.default in ("", ()) else f", using {as_written(row.default)}"
            problems.append(_problem(row, text, f"is ignored{instead}", sources))
    return section(**values), tuple(problems)


def _problem(row: Variable, text: str, consequence: str, sources: Mapping[str, str]) -> Problem:
    shown = "(not shown)" if row.kind.secret else as_shown(text)
    allowed = f"{row.kind.allowed} {row.unit}".rstrip()
    name = sources.get(row.name, row.name)
    return Problem(variable=name, reason=f"= {shown} {consequence}; allowed: {allowed}")


def as_written(default: object) -> str:
    """Return a default as a user would write it into the environment."""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


def as_shown(text: str) -> str:
    """Return a bad value as a line may repeat it: as it is, or how long it is."""
    return repr(text) if HARMLESS.fullmatch(text) else f"({len(text)} characters, not shown)"
