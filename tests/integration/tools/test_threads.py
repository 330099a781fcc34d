"""Tools that use the database do not keep connections."""

import asyncio
import time
from typing import Any

import pytest
from django.db import connection

from apps.tools.declaration import Effect, ToolCall, tool
from apps.tools.services import call_tool
from tests.unit.tools.calls import a_call

pytestmark = pytest.mark.django_db(transaction=True)

seen: list[int] = []


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def who_serves(call: ToolCall, fail: bool = False) -> int:
    """The server process behind the connection."""
    pid = scalar("SELECT pg_backend_pid()")
    seen.append(pid)
    if fail:
        raise RuntimeError("no")
    return pid


def scalar(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]


def test_the_orm_is_at_hand_and_its_connections_are_given_back() -> None:
    async def many() -> list[Any]:
        calls = [call_tool(who_serves, a_call(), {"fail": n % 3 == 0}) for n in range(100)]
        return await asyncio.gather(*calls, return_exceptions=True)

    seen.clear()
    results = asyncio.run(many())
    assert len([result for result in results if isinstance(result, int)]) == 66
    assert len(set(seen)) == 100
    deadline = time.monotonic() + 20
    # A server process outlives its closed connection by a moment.
    while scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", seen) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", seen) == 0
