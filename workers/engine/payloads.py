"""Payloads on the loop: large ones are packed and opened in threads, what lies apart is fetched by one statement."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from apps.core import canonical
from apps.runs.payloads import Packed, Row, digest_of, pack, size_of, unpack
from workers.engine.database import EnginePool, fetch_all, insist

INLINE: Final = 64 * 1024
"""Bytes of JSON that are compressed on the loop, in half a millisecond; a thread costs about a tenth of that."""

_FETCH: Final = """
SELECT digest, data FROM core_blob WHERE workspace_id = %(workspace)s AND digest = ANY(%(digests)s::bytea[])"""


async def packed(data: bytes, what: str) -> Packed:
    """The form in which these JSON bytes are stored. Raises PayloadTooLarge above 50 MiB."""
    return pack(data, what) if len(data) <= INLINE else await asyncio.to_thread(pack, data, what)


async def opened(pool: EnginePool, workspace_id: UUID, rows: Sequence[Row]) -> list[bytes]:
    """The JSON bytes of the rows, in their order. One statement more for what lies apart.

    Raises NotFound (`blob_not_found`) when something that lies apart is gone.
    """
    digests = {digest for row in rows if (digest := digest_of(row)) is not None}
    found = await _fetched(pool, workspace_id, digests) if digests else {}
    if sum(map(size_of, rows)) <= INLINE:
        return unpack(rows, lambda _: found)
    return await asyncio.to_thread(unpack, rows, lambda _: found)


async def value_of(pool: EnginePool, workspace_id: UUID, row: Row) -> Any:
    """The value of a row; see `opened`."""
    return canonical.load((await opened(pool, workspace_id, [row]))[0])


async def _fetched(pool: EnginePool, workspace_id: UUID, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    wanted = {"workspace": workspace_id, "digests": list(digests)}
    rows = await insist(lambda: fetch_all(pool, _FETCH, wanted))
    return {bytes(row["digest"]): bytes(row["data"]) for row in rows}
