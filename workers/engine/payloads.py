"""Payloads on the loop: large ones are packed and opened in threads, what lies apart is fetched by one statement."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from apps.runs.payloads import Packed, Row, digest_of, pack, size_of, unpack
from workers.engine.database import EnginePool, fetch_all, insist

INLINE: Final = 64 * 1024
"""Bytes of JSON that are compressed on the loop, in half a millisecond; a thread costs about a tenth of that."""

_FETCH: Final = """
SELECT digest, data FROM core_blob
WHERE workspace_id = (SELECT workspace_id FROM runs_run WHERE id = %(run)s) AND digest = ANY(%(digests)s::bytea[])"""


async def packed(data: bytes, what: str) -> Packed:
    """The form in which these JSON bytes are stored. Raises PayloadTooLarge above 50 MiB."""
    return pack(data, what) if len(data) <= INLINE else await asyncio.to_thread(pack, data, what)


async def opened(pool: EnginePool, run_id: UUID, rows: Sequence[Row]) -> list[bytes]:
    """The JSON bytes of rows of the run's workspace, in their order. One statement for what lies apart, else none.

    Raises NotFound (`blob_not_found`) when something that lies apart is gone.
    """
    digests = {digest for row in rows if (digest := digest_of(row)) is not None}
    found = await _fetched(pool, run_id, digests) if digests else {}
    if sum(map(size_of, rows)) <= INLINE:
        return unpack(rows, lambda _: found)
    return await asyncio.to_thread(unpack, rows, lambda _: found)


async def _fetched(pool: EnginePool, run_id: UUID, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    wanted = {"run": run_id, "digests": list(digests)}
    rows = await insist(lambda: fetch_all(pool, _FETCH, wanted))
    return {bytes(row["digest"]): bytes(row["data"]) for row in rows}
