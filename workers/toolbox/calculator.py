"""`calculator`: arithmetic that is exact for integers and bounded for everybody."""

import ast
import math
import operator
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from simpleeval import InvalidExpression, SimpleEval

from apps.tools.declaration import Effect, ToolCall, ToolInputInvalid, tool

# Every intermediate result stays below this, so that no operation takes longer than microseconds.
MAX_BITS: Final = 4096
MAX_DIGITS: Final = 300

Number = int | float

_NODES: Final = frozenset({ast.Constant, ast.UnaryOp, ast.BinOp, ast.Call, ast.Name})


class TooLarge(InvalidExpression):  # type: ignore[misc]  # the library has no types
    """The numbers in this calculation are too large."""


class Calculation(BaseModel):
    """An expression and its value; an integer beyond 64 bits as text, since JSON readers would round it."""

    expression: str
    result: int | float | str


@tool(version="1.0.0", effect=Effect.READ_ONLY, timeout_s=5.0)
async def calculator(
    call: ToolCall,
    expression: Annotated[str, Field(description="Such as (17.5 + 3) * 2**8 / sqrt(2).", min_length=1, max_length=300)],
) -> Calculation:
    """Evaluate an arithmetic expression.

    Operators: + - * / // % **. Constants: pi, e. Functions: abs, round, min, max, sqrt, exp, log, log2, log10, sin,
    cos, tan, floor, ceil. Integers are exact.
    """
    value = evaluate(expression)
    beyond = isinstance(value, int) and not -(2**63) <= value < 2**63
    return Calculation(expression=expression, result=str(value) if beyond else value)


def evaluate(expression: str) -> Number:
    """The value, an integer of at most 4,096 bits or a finite number. Raises ToolInputInvalid."""
    try:
        return _number(_Arithmetic().eval(expression))
    except TooLarge as error:
        raise ToolInputInvalid(str(error)) from None
    except (InvalidExpression, SyntaxError, ValueError, TypeError, AttributeError, RecursionError, MemoryError):
        raise ToolInputInvalid("This is not an arithmetic expression that can be calculated.") from None
    except ArithmeticError as error:
        raise ToolInputInvalid(f"This has no result: {error}.") from None


class _Arithmetic(SimpleEval):  # type: ignore[misc]  # the library has no types
    """simpleeval without anything but numbers, operators and named functions."""

    nodes: dict[type[ast.AST], Callable[..., Any]]

    def __init__(self) -> None:
        super().__init__(operators=_OPERATORS, functions=_FUNCTIONS, names=_NAMES)
        self.nodes = {kind: handler for kind, handler in self.nodes.items() if kind in _NODES}

    @staticmethod
    def parse(expr: str) -> ast.AST:
        return ast.parse(expr.strip(), mode="eval").body

    def _eval(self, node: ast.AST) -> Number:
        return _number(super()._eval(node))


def _number(value: Any) -> Number:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidExpression("Only numbers can be calculated with.")
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise TooLarge("The numbers in this calculation are too large.")
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError("it is not a finite number")
    return value


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MAX_BITS:
        raise TooLarge("The numbers in this calculation are too large.")
    return _number(base**exponent)


def _round(value: Number, digits: int = 0) -> Number:
    # Python computes 10**-digits for an integer, however long that takes.
    if not -MAX_DIGITS <= digits <= MAX_DIGITS:
        raise TooLarge(f"Numbers can be rounded to {MAX_DIGITS} digits at most.")
    return round(value, digits) if digits else round(value)


_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "abs": abs,
    "round": _round,
    "min": min,
    "max": max,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "floor": math.floor,
    "ceil": math.ceil,
}
_NAMES: Final = {"pi": math.pi, "e": math.e}
