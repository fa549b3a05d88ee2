"""Public functions say what their arguments mean: the share that does, counted by one rule.

What counts is a function at the top of a file, or a method of a class there, whose name (and whose class's name) has no
leading underscore, and which takes two or more arguments besides ``self`` or ``cls``; overloads do not count, nor does
what is nested in a function. It is described when its docstring has a section ``Args:``. That such a section names
every argument is ruff's rule D417.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import accelsim

#: Share of described functions; it only rises.
FLOOR = 0.83

PACKAGE = Path(accelsim.__file__).parent

Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_functions(tree: ast.Module, path: str) -> Iterator[tuple[str, Function, int]]:
    """Every public function and method: where it stands, itself, its arguments besides ``self`` and ``cls``."""
    for node in tree.body:
        if isinstance(node, Function):
            yield f"{path}:{node.name}", node, count_arguments(node)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, Function):
                    bound = 0 if "staticmethod" in decorators(method) else 1
                    yield f"{path}:{node.name}.{method.name}", method, count_arguments(method) - bound


def decorators(function: Function) -> set[str]:
    return {ast.unparse(decorator).split(".")[-1] for decorator in function.decorator_list}


def count_arguments(function: Function) -> int:
    taken = function.args
    return (
        len(taken.posonlyargs + taken.args + taken.kwonlyargs) + (taken.vararg is not None) + (taken.kwarg is not None)
    )


def census(tree: ast.Module, path: str) -> dict[str, bool]:
    """Whether each function that counts has a section ``Args:``."""
    return {
        place: "\nArgs:" in (ast.get_docstring(function) or "")
        for place, function, arguments in public_functions(tree, path)
        if not function.name.startswith("_") and arguments >= 2 and "overload" not in decorators(function)
    }


def test_the_rule_on_a_small_file() -> None:
    text = '''
def told(a, b):
    """One.

    Args:
        a: First.
        b: Second.
    """

def untold(a, *more): "Two."
def one(a): ...
def _private(a, b): ...
@overload
def typed(a, b): ...

class Public:
    def method(self, a, *, b=1):
        def nested(a, b): ...
    def short(self, a): ...
    @staticmethod
    def free(a, b): ...

class _Hidden:
    def method(self, a, b): ...
'''
    assert census(ast.parse(text), "f.py") == {
        "f.py:told": True,
        "f.py:untold": False,
        "f.py:Public.method": False,
        "f.py:Public.free": False,
    }


def test_most_public_functions_describe_their_arguments() -> None:
    described: dict[str, bool] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        described |= census(ast.parse(path.read_text(encoding="utf-8")), path.relative_to(PACKAGE).as_posix())
    share = sum(described.values()) / len(described)
    missing = [place for place, told in described.items() if not told]
    assert share >= FLOOR, f"{share:.1%} of {len(described)} have a section Args:; without one: {missing}"
