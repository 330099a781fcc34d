"""What ends a command, and the exit code that scripts see.

CliError                1
├── UsageProblem        2   the command cannot be understood, or nothing says where the server is
├── Unreachable         1   nothing answers at the address
├── ApiError            3, 4, 5 or 1, by the answer's status
├── RunFailed           6   the run ended without success
└── RunWaits            7   the run waits for a person
"""

from enum import IntEnum
from typing import IO, Any, ClassVar, Final

import click


class ExitCode(IntEnum):
    """What `$?` means."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    AUTH = 3
    NOT_FOUND = 4
    CONFLICT = 5
    RUN_FAILED = 6
    WAITING = 7
    INTERRUPTED = 130


_BY_STATUS: Final = {
    401: ExitCode.AUTH,
    403: ExitCode.AUTH,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
}


class CliError(click.ClickException):
    """The command failed; the message says why, `hint` what to do about it. click prints it and exits."""

    exit_code: ClassVar[int] = ExitCode.FAILURE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """On standard error, also with `--json`: standard output is for results."""
        click.echo(f"Error: {self.message}", file=file, err=file is None)
        if self.hint:
            click.echo(self.hint, file=file, err=file is None)


class UsageProblem(CliError):
    """The command cannot be understood."""

    exit_code = ExitCode.USAGE


class Unreachable(CliError):
    """Nothing answers at the address."""


class ApiError(CliError):
    """The server refused; `code` is its stable code."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code") or f"http_{status}")
        sentence = str(problem.get("detail") or f"The server answered {status}.")
        faults = "".join(
            f"\n  {fault.get('pointer') or '/'}: {fault.get('detail')}" for fault in problem.get("errors") or ()
        )
        hint = "Check the API key, or run `cef doctor`." if status == 401 else ""
        super().__init__(f"{sentence} ({self.code}){faults}", hint=hint)
        self.exit_code = _BY_STATUS.get(status, ExitCode.FAILURE)  # type: ignore[misc]  # one class for all answers


class RunFailed(CliError):
    """The run ended without success."""

    exit_code = ExitCode.RUN_FAILED


class RunWaits(CliError):
    """The run waits for a person."""

    exit_code = ExitCode.WAITING
