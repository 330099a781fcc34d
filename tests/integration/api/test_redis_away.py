"""Redis is away when a run is submitted: it is accepted in time, and goes on its way all the same."""

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from apps.accounts.models import Membership
from apps.runs.models import Run
from tests.integration.accounts.people import key_of
from tests.integration.api.serving import web_process
from tests.integration.runs.world import history, make_agent
from tests.waiting import eventually
from workers.engine.host import Host
from workers.local.folders import make_folder
from workers.local.ports import HOST, free_port
from workers.local.valkey import ValkeyServer

pytestmark = pytest.mark.django_db(transaction=True)

IN_TIME_S = 3.0


@pytest.fixture
def headers(support) -> dict[str, str]:
    make_agent(support)
    return {"Authorization": f"Bearer {key_of(Membership.objects.get(workspace=support)).text}"}


@contextmanager
def working(settings, redis_url: str) -> Iterator[Host]:
    """A worker's engine that looks for work by itself."""
    settings.REDIS_URL = redis_url
    settings.CEF_POLL_SECONDS = 0.2
    host = Host(slots=10)
    host.start()
    try:
        yield host
    finally:
        host.stop()


def submit(url: str, headers: dict[str, str], **more: str) -> tuple[float, httpx.Response]:
    """How long it took, and the answer."""
    began = time.monotonic()
    body = {"agent": "docs", "input": "x"}
    answer = httpx.post(f"{url}/api/v1/runs", json=body, headers=headers | more, timeout=60)
    return time.monotonic() - began, answer


def accepted(url: str, headers: dict[str, str], times: int = 5) -> list[str]:
    """The ids of so many runs; each was accepted in time."""
    ids = []
    for n in range(times):
        seconds, answer = submit(url, headers, **{"Idempotency-Key": f"key-{n}"})
        assert answer.status_code == 202, answer.text
        assert seconds < IN_TIME_S
        ids.append(answer.json()["id"])
    return ids


def all_succeeded(ids: list[str]) -> bool:
    return Run.objects.filter(id__in=ids, status="succeeded").count() == len(ids)


def test_it_works(headers, settings):
    """Nobody listens on its port."""
    gone = f"redis://{HOST}:{free_port()}/0"
    with web_process(gone) as url:
        ids = accepted(url, headers)
        assert [history(id_) for id_ in ids] == [["run.queued"]] * 5
        with working(settings, gone):
            eventually(lambda: all_succeeded(ids))
        assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200


def test_it_is_silent(headers, settings):
    """It accepts connections and never answers, as one that is stopped or behind a dead link."""
    with socket.create_server((HOST, 0), backlog=64) as silent:
        silent_url = f"redis://{HOST}:{silent.getsockname()[1]}/0"
        with web_process(silent_url) as url:
            ids = accepted(url, headers)
            with working(settings, silent_url):
                eventually(lambda: all_succeeded(ids))


def test_cancel_and_resume_wait_for_nobody_either(headers, support):
    silent = socket.create_server((HOST, 0), backlog=64)
    with silent, web_process(f"redis://{HOST}:{silent.getsockname()[1]}/0") as url:
        (run_id,) = accepted(url, headers, times=1)
        began = time.monotonic()
        answer = httpx.post(f"{url}/api/v1/runs/{run_id}/cancel", headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
        assert time.monotonic() - began < IN_TIME_S
        Run.objects.update(status="failed")
        began = time.monotonic()
        answer = httpx.post(f"{url}/api/v1/runs/{run_id}/resume", headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["status"]) == (202, "queued")
        assert time.monotonic() - began < IN_TIME_S


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    folder = make_folder(Path(tempfile.mkdtemp(prefix="cef-away-")))
    server = ValkeyServer(folder / "valkey", persistent=False)
    server.start(dies_with_parent=True)
    yield server
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


def test_it_is_restarted_empty_between_submissions(headers, settings, valkey):
    with web_process(valkey.url) as url, working(settings, valkey.url):
        ids = accepted(url, headers, times=2)
        valkey.kill()
        ids += [submit(url, headers)[1].json()["id"] for _ in range(3)]
        valkey.start(dies_with_parent=True)
        ids += [submit(url, headers)[1].json()["id"] for _ in range(3)]
        eventually(lambda: all_succeeded(ids))
    assert Run.objects.count() == 8


def test_it_stands_still_in_the_middle(headers, settings, valkey):
    """Stopped while connections to it are open and were used a moment ago."""
    with web_process(valkey.url) as url:
        accepted(url, headers, times=2)
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            for _ in range(4):
                seconds, answer = submit(url, headers)
                assert (answer.status_code, seconds < IN_TIME_S) == (202, True), seconds
        finally:
            os.kill(valkey.pid, signal.SIGCONT)
