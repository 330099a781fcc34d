"""What a container's health check runs: `healthcheck.py http PORT PATH`, `worker NAME` or `beat FILE`."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

_OLDEST_SCHEDULE_S = 600


def http(port: str, path: str) -> bool:
    """Whether the process answers, asked as the proxy in front of it would ask."""
    headers = {
        "Host": urlsplit(os.environ["CEF_PUBLIC_URL"]).netloc,
        "X-Forwarded-Proto": "https",
        "Authorization": f"Bearer {os.environ.get('CEF_FLOWER_METRICS_TOKEN', '')}",
    }
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the address is ours
        return bool(answer.status < 400)


def worker(name: str) -> bool:
    """Whether the worker of this container answers a ping."""
    node = f"{name}@{socket.gethostname()}"
    command = ["celery", "-A", "config", "inspect", "ping", "-d", node, "-t", "10"]
    return subprocess.call(command) == 0  # noqa: S603 - fixed words


def beat(file: str) -> bool:
    """Whether the clock wrote its schedule in the last minutes.

    What is written goes to the file or to one beside it: SQLite, where Python keeps shelves since 3.13, has a log.
    """
    written = [path.stat().st_mtime for path in Path(file).parent.glob(f"{Path(file).name}*")]
    return time.time() - max(written, default=0.0) < _OLDEST_SCHEDULE_S


if __name__ == "__main__":
    check = {"http": http, "worker": worker, "beat": beat}[sys.argv[1]]
    try:
        sys.exit(0 if check(*sys.argv[2:]) else 1)
    except OSError as error:
        sys.exit(str(error))
