"""`python -m tests.sizes`: functions and files that grew too long, and how the rest is spread."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("apps", "workers", "config", "cli", "tests", "benchmarks")
LONGEST_FUNCTION = 50
LONGEST_FILE = 400
MOST_PARAMETERS = 6


@dataclass(frozen=True)
class Size:
    """Of one function or file: lines and, for a function, parameters."""

    place: str
    lines: int
    parameters: int = 0


def files() -> list[Size]:
    """Every Python file that is written by hand."""
    return [Size(str(path.relative_to(ROOT)), len(path.read_text().splitlines())) for path in _sources()]


def functions() -> list[Size]:
    """Every function and method in them."""
    return [size for path in _sources() for size in _functions(path)]


def offenders() -> list[str]:
    """What is over a limit, in words."""
    long_files = [f"{size.place}: {size.lines} lines" for size in files() if size.lines > LONGEST_FILE]
    long_functions = [f"{size.place}: {size.lines} lines" for size in functions() if size.lines > LONGEST_FUNCTION]
    return long_files + long_functions


def _sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from (path for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts)


def _functions(path: Path) -> Iterator[Size]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            parameters = len([argument for argument in named if argument.arg not in {"self", "cls"}])
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Size(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", lines, parameters)


def _spread(name: str, lines: Iterable[int]) -> str:
    values = list(lines)
    return (
        f"{name}: {len(values)}, median {median(values):.0f}, nine in ten under {quantiles(values, n=10)[8]:.0f} lines"
    )


def main() -> None:
    """Print all of it; exit code 1 when something is too long."""
    found = offenders()
    print(_spread("functions", (size.lines for size in functions())))
    print(_spread("files", (size.lines for size in files())))
    for size in functions():
        if size.parameters > MOST_PARAMETERS:
            print(f"many parameters: {size.place} has {size.parameters}")
    for line in found:
        print(f"too long: {line}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
