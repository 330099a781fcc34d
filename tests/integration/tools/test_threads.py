"""Tools that use the database do not keep connections."""

import asyncio
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.tools.declaration import Effect, ToolCall, tool
from apps.tools.services import call_tool
from tests.unit.tools.calls import a_call

pytestmark = pytest.mark.django_db(transaction=True)

MINE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def count_workspaces(call: ToolCall, fail: bool = False) -> int:
    """Count."""
    number = Workspace.objects.count()
    if fail:
        raise RuntimeError("no")
    return number


def test_the_orm_is_at_hand_and_its_connections_are_given_back(settings: Any) -> None:
    Workspace.objects.create(slug="one", name="One")

    async def many() -> list[Any]:
        calls = [call_tool(count_workspaces, a_call(), {"fail": n % 3 == 0}) for n in range(100)]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(many())
    assert [result for result in results if isinstance(result, int)] == [1] * 66
    assert len([result for result in results if isinstance(result, Exception)]) == 34
    with connection.cursor() as cursor:
        cursor.execute(MINE)
        assert cursor.fetchone() == (0,)
