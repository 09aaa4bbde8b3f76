"""The mutants of a module: its code with one comparison, operator, constant, guard or call changed.

Not changed are what has no behaviour to test: annotations, decorators, and texts.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
WITHOUT_BEHAVIOUR = frozenset(("annotation", "returns", "decorator_list"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change; a test that notices it runs one of `lines`."""

    function: str
    before: str
    after: str
    number: int
    """Which of those in the function that read the same."""
    lines: range

    @property
    def text(self) -> str:
        """Return what the list of equivalent mutants calls it."""
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{self.function}: {self.before}  →  {self.after}{again}"


@dataclass(slots=True, kw_only=True)
class _Place:
    """Where a node stands, and how it is replaced."""

    node: ast.AST
    put: Callable[[ast.AST], None]
    function: str
    statement: ast.stmt | None


def mutants_of(source: str, *, path: str) -> Iterator[tuple[Mutant, Callable[[], CodeType]]]:
    """Yield each mutant of a module, and what compiles it before the next one is taken."""
    tree = ast.parse(source)
    seen: dict[tuple[str, str, str], int] = {}
    for place in list(_places(tree, function="", statement=None)):
        for changed in _changes(place.node):
            place.put(changed)
            before, after = _shown(place.node), _shown(changed)
            key = place.function, before, after
            seen[key] = seen.get(key, 0) + 1
            mutant = Mutant(
                function=place.function or "module", before=before, after=after,
                number=seen[key], lines=_lines(place),
            )  # fmt: skip
            yield (
                mutant,
                lambda: compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True),
            )
            place.put(place.node)


def _places(parent: ast.AST, *, function: str, statement: ast.stmt | None) -> Iterator[_Place]:
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        function = f"{function}.{parent.name}".strip(".")
    if isinstance(parent, ast.stmt):
        statement = parent
    for name, value in ast.iter_fields(parent):
        if name in WITHOUT_BEHAVIOUR or (name == "test" and _is_for_types(value)):
            continue
        if isinstance(parent, ast.Assign) and _is_for_types(parent.targets[0]):
            continue
        for at, node in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(node, ast.AST):
                if not isinstance(parent, ast.keyword) or parent.arg not in ("strict", "flush"):
                    put = _putter(parent, name, value, at)
                    yield _Place(node=node, put=put, function=function, statement=statement)
                yield from _places(node, function=function, statement=statement)


def _putter(parent: ast.AST, name: str, value: object, at: int) -> Callable[[ast.AST], None]:
    if isinstance(value, list):
        return lambda node: value.__setitem__(at, node)
    return lambda node: setattr(parent, name, node)


def _lines(place: _Place) -> range:
    """Return the lines of what is changed, from the beginning of its statement on."""
    node = place.node
    at = node.test if isinstance(node, ast.If | ast.While) else node
    own = getattr(at, "lineno", 1)
    begin = own if place.statement is None else min(own, place.statement.lineno)
    if isinstance(place.statement, ast.If | ast.While | ast.For | ast.Match | ast.Try):
        begin = own if isinstance(node, ast.stmt) else begin
    return range(begin, (getattr(at, "end_lineno", None) or own) + 1)


def _shown(node: ast.AST) -> str:
    return ast.unparse(node).partition("\n")[0]


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is put in the place of a node, one after the other."""
    match node:
        case ast.Compare(left, [first, *others], comparators) if type(first) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(first)](), *others], comparators)
        case ast.BoolOp(op, values):
            for at in range(len(values)):
                rest = values[:at] + values[at + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.AugAssign(target, op, value) if type(op) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(op)](), value)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Call(ast.Name(called), arguments, keywords) if called in CALLS:
            yield ast.Call(ast.Name(CALLS[called], ast.Load()), arguments, keywords)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Expr(ast.Call() | ast.Await(ast.Call())):
            yield ast.Pass()
        case ast.If(test, body, []) if not _is_for_types(test):
            yield ast.If(ast.BoolOp(ast.And(), [ast.Constant(False), test]), body, [])
        case ast.If(
            ast.Name() | ast.Call() | ast.Attribute() | ast.NamedExpr() as test, body, other
        ) if not _is_for_types(test):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, other)


def _is_for_types(test: object) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
