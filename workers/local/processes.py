"""Start and stop one server process: unprivileged, tied to its parent when asked, and never left behind."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from workers.local.unprivileged import Account

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def launch(
    command: Sequence[str],
    *,
    account: Account | None,
    log: IO[bytes] | int,
    dies_with_parent: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a server in its own process group, so that Ctrl-C in a terminal reaches only its parent.

    With `dies_with_parent` the kernel ends it (SIGQUIT) when the calling thread's process ends, however it ends.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=plain_environment(),
        process_group=0,
        preexec_fn=_die_with(os.getpid()) if dies_with_parent else None,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def run(command: Sequence[str], *, account: Account | None, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a helper program to its end as the account; a program that cannot be executed answers with code 127."""
    try:
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=plain_environment(),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, stdout="", stderr=str(error))


def replace_this_process(command: Sequence[str], *, account: Account | None, farewell: signal.Signals) -> None:
    """Become the server, so that whoever supervises this process supervises the server itself.

    The server gets the `farewell` signal when its supervisor dies; a change of account would clear that wish, hence
    the order.
    """
    os.chdir("/")
    if account is not None:
        account.become()
    die_with_parent(farewell)
    os.execve(command[0], list(command), plain_environment())  # noqa: S606


def die_with_parent(farewell: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send this process the signal when its parent ends, even by SIGKILL; survives exec."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, farewell)


def end(process: subprocess.Popen[bytes], *signals: signal.Signals, patience_s: float = 15.0) -> None:
    """Send the signals one after another until the process has ended; the last resort is SIGKILL."""
    for number in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            continue


def plain_environment() -> dict[str, str]:
    """What a server needs of the environment: nothing of ours but the stack's name, by which it is found again."""
    kept = {name: os.environ[name] for name in ("CEF_STACK_ID", "TMPDIR") if name in os.environ}
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"} | kept


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log file, for a message."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _die_with(parent: int) -> Callable[[], None] | None:
    libc = _LIBC
    if libc is None:
        return None

    def arrange() -> None:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # a shell's background job inherits it ignored
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
        if os.getppid() != parent:  # the parent ended between fork and prctl
            os._exit(1)

    return arrange
