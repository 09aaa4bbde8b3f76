"""Leaves out of a module what no import needs: docstrings and the annotations of functions.

They are a tenth of the bytecode. What is read at run time stays: annotations in classes are the
fields of dataclasses, named tuples and typed dicts; a decorated class keeps its docstring, because
`dataclass` would compute one instead; and `assert` is code.
"""

from __future__ import annotations

import ast
from typing import TypeVar

_Documented = TypeVar(
    "_Documented", ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
)
_Function = TypeVar("_Function", ast.FunctionDef, ast.AsyncFunctionDef)


def make_leaner(source: bytes, name: str) -> ast.Module:
    """Return the tree of a module without them; every line keeps its number."""
    tree: ast.Module = _Leaner().visit(ast.parse(source, name))
    return tree


class _Leaner(ast.NodeTransformer):
    """Visits the inner nodes first."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        return _without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        return node if node.decorator_list else _without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        return _without_annotations(_without_docstring(node))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        self.generic_visit(node)
        return _without_annotations(_without_docstring(node))


def _without_docstring(node: _Documented) -> _Documented:
    if ast.get_docstring(node, clean=False) is not None:
        first = node.body[0]
        node.body[:1] = [] if node.body[1:] else [ast.copy_location(ast.Pass(), first)]
    return node


def _without_annotations(node: _Function) -> _Function:
    node.returns = None
    every: ast.arguments = node.args
    for argument in (
        *every.posonlyargs,
        *every.args,
        *every.kwonlyargs,
        *filter(None, (every.vararg, every.kwarg)),
    ):
        argument.annotation = None
    return node
