"""What the engine's statements write besides their rows: payloads that lie apart, and a snapshot of the conversation.

Each is a common table expression to be put into a statement that has locked the run's row as `source`, so that a stale
writer leaves nothing behind and the bytes are committed together with the row that refers to them.
"""

from collections.abc import Sequence
from typing import Any, Final

from apps.core.ids import new_id
from apps.runs.payloads import Content

_KEPT: Final = """, holding AS MATERIALIZED (
    SELECT workspace_id, pg_advisory_xact_lock_shared(hashtextextended('core.blobs:' || workspace_id, 0)) FROM {source}
), kept AS (
    INSERT INTO core_blob (id, workspace_id, digest, size, data)
    SELECT content.id, workspace_id, digest, length(data), data
    FROM holding, unnest(%(apart_ids)s::uuid[], %(apart_digests)s::bytea[], %(apart_data)s::bytea[])
        AS content (id, digest, data)
    ORDER BY digest
    ON CONFLICT (workspace_id, digest) DO NOTHING
)"""

KEPT_BY_STEP: Final = _KEPT.format(source="fenced")
KEPT_BY_MOVE: Final = _KEPT.format(source="moved")
"""Stores what lies apart under the lock that `apps.core.blobs` holds against those who delete."""

SNAPSHOT: Final = """, snapshot AS (
    INSERT INTO runs_snapshot (run_id, n, run_step, model_calls, data)
    SELECT id, %(snapshot_n)s, %(snapshot_run_step)s, %(snapshot_model_calls)s, %(snapshot_data)s FROM fenced
    ON CONFLICT (run_id, n) DO NOTHING
)"""
"""The messages up to the request of the model step that this statement records."""


def apart_parameters(contents: Sequence[Content]) -> dict[str, Any]:
    """What KEPT_BY_STEP and KEPT_BY_MOVE bind."""
    return {
        "apart_ids": [new_id() for _ in contents],
        "apart_digests": [content.digest for content in contents],
        "apart_data": [content.data for content in contents],
    }
