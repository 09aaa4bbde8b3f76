"""Puts off imports of a module to their first use.

`from .tracing import Trace` goes, and a use of `Trace` in a function becomes a call of what the
module gets for it, `__getattr__("Trace")`; by this hook (PEP 562) other modules find the name, too.

    def __getattr__(name):
        if name == "Trace":
            from .tracing import Trace
            return Trace
        raise AttributeError(…)

A name that the module uses while it is itself imported (a base class, a decorator, a default), or
to which it gives another meaning anywhere, cannot be put off.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

HOOK, FORMER_HOOK = "__getattr__", "__getattr_of_the_source__"


def defer(tree: ast.Module, sources: Iterable[str]) -> None:
    """Put off the imports at the top level of a module that name one of `sources`.

    Raises:
        ValueError: there is no such import, or it cannot be put off.
    """
    missing = set(sources)
    deferred: dict[str, ast.stmt] = {}
    body: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            statement.names = _split(statement, set(sources), missing, deferred)
            if not statement.names:
                continue
        body.append(statement)
    if missing:
        raise ValueError(f"does not import {', '.join(sorted(missing))}")
    tree.body = body
    _Uses(set(deferred)).visit(tree)
    _add_hook(tree, deferred)
    ast.fix_missing_locations(tree)


def _split(
    statement: ast.Import | ast.ImportFrom,
    sources: set[str],
    missing: set[str],
    deferred: dict[str, ast.stmt],
) -> list[ast.alias]:
    """Move what is named in `sources` to `deferred`, by the name that it gives; return the rest."""
    kept = []
    for alias in statement.names:
        named = _sources_of(statement, alias) & sources
        if named:
            missing -= named
            deferred[alias.asname or alias.name.partition(".")[0]] = _alone(statement, alias)
        else:
            kept.append(alias)
    return kept


def _sources_of(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> set[str]:
    """Return how a table may name what an alias is imported from."""
    if isinstance(statement, ast.Import):
        return {alias.name}
    base = "." * statement.level + (statement.module or "")
    return {base, f"{base}{'' if base.endswith('.') else '.'}{alias.name}"}


def _alone(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    """Return the statement with one alias.

    `from . import name` asks the package for the name first, and so the hook: an endless circle.
    """
    if isinstance(statement, ast.Import):
        return ast.Import([alias])
    if statement.module is None:
        call = f"__import__('importlib').import_module('.{alias.name}', __package__)"
        return ast.parse(f"{alias.asname or alias.name} = {call}").body[0]
    return ast.ImportFrom(statement.module, [alias], statement.level)


def _add_hook(tree: ast.Module, deferred: dict[str, ast.stmt]) -> None:
    """Define the hook after the imports from __future__, or after the hook of the source.

    That one is renamed, and asked last.
    """
    last = "raise AttributeError(f'module {__name__!r} has no attribute {name!r}')"
    place = 0
    for at, each in enumerate(tree.body):
        if isinstance(each, ast.ImportFrom) and each.module == "__future__":
            place = at + 1
        if isinstance(each, ast.FunctionDef) and each.name == HOOK:
            each.name, last, place = FORMER_HOOK, f"return {FORMER_HOOK}(name)", at + 1
    [hook] = ast.parse(f"def {HOOK}(name):\n    {last}").body
    assert isinstance(hook, ast.FunctionDef)
    for name, statement in deferred.items():
        [branch] = ast.parse(f"if name == {name!r}:\n    return {name}").body
        assert isinstance(branch, ast.If)
        branch.body.insert(0, statement)
        hook.body.insert(-1, branch)
    tree.body.insert(place, hook)


class _Uses(ast.NodeTransformer):
    """Replaces uses in functions; raises ValueError for any other mention of the names."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._in_function = False

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._names:
            return node
        if not (self._in_function and isinstance(node.ctx, ast.Load)):
            raise ValueError(
                f"uses {node.id} while it is imported, or assigns it: line {node.lineno}"
            )
        call = ast.Call(ast.Name(HOOK, ast.Load()), [ast.Constant(node.id)], [])
        return ast.copy_location(call, node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        # Annotations of variables in functions are not evaluated.
        if not self._in_function:
            node.annotation = self.visit(node.annotation)
        node.target = self.visit(node.target)
        node.value = node.value and self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return self._visit_function(node)

    def _visit_function(self, node: Any) -> Any:
        """Decorators and defaults belong to what is around the function, its body does not."""
        self._forbid({getattr(node, "name", "")})
        node.decorator_list = [self.visit(each) for each in getattr(node, "decorator_list", ())]
        node.args = self.visit(node.args)
        outer, self._in_function = self._in_function, True
        body = node.body
        node.body = [self.visit(each) for each in body] if type(body) is list else self.visit(body)
        self._in_function = outer
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._forbid({node.name})
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        self._forbid({node.arg})
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        self._forbid(node.names)
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        self._forbid(each.asname or each.name.partition(".")[0] for each in node.names)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        self._forbid(each.asname or each.name for each in node.names)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self._forbid({node.name or ""})
        return self.generic_visit(node)

    def _forbid(self, given: Iterable[str]) -> None:
        if clash := self._names.intersection(given):
            raise ValueError(f"gives {', '.join(sorted(clash))} another meaning")
