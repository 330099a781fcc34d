"""Conditions over the arguments of a call, such as `amount > 100 and currency != "EUR"`; no code, no side effects.

The words are Python's: comparisons, `and`, `or`, `not`, `in`, + - * / %, `a.b` and `a["b"]` for what is inside an
argument, and the functions `len`, `lower` and `has("name")`, which says whether the call gives this argument.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from simpleeval import EvalWithCompoundTypes, InvalidExpression

from apps.tools.exceptions import InvalidCondition

MAX_CHARACTERS: Final = 1000
MAX_NODES: Final = 200
_MAX_TEXT: Final = 100_000

_NODES: Final = frozenset(
    {
        ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.List, ast.Tuple, ast.Call,
        ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare,
    }
)  # fmt: skip
_HELPERS: Final = (ast.expr_context, ast.boolop)
_FUNCTIONS: Final = frozenset({"len", "lower", "has"})


def check_condition(expression: str, arguments: Mapping[str, Any]) -> None:
    """Raises InvalidCondition for what is no condition over arguments of these names."""
    for node in ast.walk(_parsed(expression)):
        if not isinstance(node, _HELPERS) and type(node) not in _NODES | _OPERATORS.keys():
            raise InvalidCondition(f"{type(node).__name__} has no place in a condition.")
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS):
            raise InvalidCondition("The functions of a condition are len, lower and has.")
    for name in _names(expression):
        if name not in arguments:
            raise InvalidCondition(f"The tool has no argument {name}.")


def holds(expression: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the condition holds. Raises InvalidCondition when that cannot be said: an argument is missing, say."""
    try:
        return bool(_Condition(arguments).eval(expression, previously_parsed=_parsed(expression)))
    except (InvalidExpression, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise InvalidCondition(f"The condition cannot be decided: {error}"[:300]) from error


class _Condition(EvalWithCompoundTypes):  # type: ignore[misc]  # the library has no types
    """simpleeval over JSON values, without methods and attributes of Python's own."""

    nodes: dict[type[ast.AST], Callable[..., Any]]

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        super().__init__(operators=_OPERATORS, functions={}, names=dict(arguments))
        self.functions = {"len": len, "lower": _lower, "has": arguments.__contains__}
        self.nodes = {kind: handler for kind, handler in self.nodes.items() if kind in _NODES}
        self.nodes[ast.Attribute] = self._member

    def _member(self, node: ast.Attribute) -> Any:
        return self._eval(node.value)[node.attr]


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> ast.expr:
    if len(expression) > MAX_CHARACTERS:
        raise InvalidCondition(f"The condition has more than {MAX_CHARACTERS} characters.")
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidCondition(f"This is no condition: {error}"[:300]) from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise InvalidCondition("The condition is too long.")
    return tree


def _names(expression: str) -> Iterator[str]:
    """The arguments that it speaks of, also as `has("name")`."""
    for node in ast.walk(_parsed(expression)):
        if isinstance(node, ast.Name) and node.id not in _FUNCTIONS:
            yield node.id
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "has":
            yield from (str(given.value) for given in node.args if isinstance(given, ast.Constant))


def _lower(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError("lower takes text")
    return text.lower()


def _number(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Text and lists cannot be added or multiplied: a few of them would fill the memory."""

    def calculate(left: Any, right: Any) -> Any:
        if not all(isinstance(value, int | float) for value in (left, right)):
            raise TypeError("only numbers can be calculated with")
        return operation(left, right)

    return calculate


def _contains(needle: Any, haystack: Any) -> bool:
    if isinstance(haystack, str) and len(haystack) > _MAX_TEXT:
        raise ValueError("the text is too long to be searched")
    return needle in haystack


_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: _number(operator.add),
    ast.Sub: _number(operator.sub),
    ast.Mult: _number(operator.mul),
    ast.Div: _number(operator.truediv),
    ast.Mod: _number(operator.mod),
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda needle, haystack: _contains(needle, haystack),
    ast.NotIn: lambda needle, haystack: not _contains(needle, haystack),
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
