"""The real `web` process on the test's database, with a Redis of the test's choice."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from tests.integration.live_support import ROOT, database_url
from workers.local.ports import HOST, free_port
from workers.local.readiness import await_http


@contextmanager
def web_process(redis_url: str) -> Iterator[str]:
    """Its address."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    own = {"DATABASE_URL": database_url(), "REDIS_URL": redis_url, "CEF_REDIS_PREFIX": settings.CEF_REDIS_PREFIX}
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port)]
    sizes = ["--blocking-threads", "4", "--workers", "1", "--log-level", "warning", "--no-access-log"]
    process = subprocess.Popen([*command, *sizes, "config.wsgi:application"], cwd=ROOT, env=os.environ | own)
    try:
        await_http(f"{url}/healthz", 30)
        yield url
    finally:
        process.terminate()
        process.wait(30)
