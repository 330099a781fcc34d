"""Which rows refer to bytes that lie apart, and letting go of what nobody refers to any more."""

from collections.abc import Collection
from functools import partial, reduce
from itertools import chain
from operator import or_
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Model, Q

from apps.contexts.selectors import kept_contents
from apps.core import blobs
from apps.runs.models import Decision, Effect, Run, Schedule, Snapshot, Step, Turn, Wait
from apps.runs.models.references import refers
from apps.runs.payloads import REFERENCES, digest_of

PLACES: Final[dict[type[Model], tuple[str, ...]]] = {
    Run: ("input", "output", "messages"),
    Step: ("request", "result", "manifest"),
    Effect: ("arguments", "result", "late_result"),
    Snapshot: ("data",),
    Wait: ("arguments", "result"),
    Decision: ("arguments",),
    Turn: ("messages",),
    Schedule: ("input",),
}
"""Every column that may hold a reference; each has a partial index of its references."""

_OF_RUN: Final[dict[type[Model], str]] = {
    Run: "id",
    Step: "run_id",
    Effect: "run_id",
    Snapshot: "run_id",
    Wait: "run_id",
    Decision: "wait__run_id",
}
"""Where the rows that go with a run name it."""

_ATTACHED: Final = """
SELECT wanted.digest FROM unnest(%(digests)s::bytea[]) AS wanted (digest)
WHERE EXISTS (
    SELECT FROM runs_run WHERE workspace_id = %(workspace)s AND attachments <> '[]'
      AND attachments @> jsonb_build_array(jsonb_build_object('digest', encode(wanted.digest, 'hex')))
)"""

_REFERRED: Final = """
SELECT wanted.digest FROM unnest(%(digests)s::bytea[]) AS wanted (digest)
WHERE EXISTS (
    SELECT FROM {table} WHERE {column} >= %(first)s::bytea AND {column} < %(end)s::bytea
      AND {column} >= %(first)s::bytea || wanted.digest
      AND {column} <= %(first)s::bytea || wanted.digest || '\\xffffffff'::bytea
      AND {owner} = %(workspace)s
)"""

_OWNERS: Final[dict[type[Model], str]] = {
    Step: "(SELECT workspace_id FROM runs_run WHERE id = run_id)",
    Snapshot: "(SELECT workspace_id FROM runs_run WHERE id = run_id)",
    Decision: "(SELECT workspace_id FROM runs_wait WHERE id = wait_id)",
    Turn: "(SELECT workspace_id FROM runs_thread WHERE id = thread_id)",
}
"""Whose rows these are; other tables say it themselves."""


def digests_of(run_ids: Collection[UUID]) -> set[bytes]:
    """What lies apart and belongs to these runs: their files, and payloads of their rows. One query per table."""
    files = Run.objects.filter(~Q(attachments=[]), id__in=run_ids).values_list("attachments", flat=True)
    found = {bytes.fromhex(file["digest"]) for file in chain.from_iterable(files)}
    for model, whose in _OF_RUN.items():
        found |= _referred_by(model, Q(**{f"{whose}__in": run_ids}))
    return found


def release(workspace_id: UUID, digests: Collection[bytes]) -> int:
    """Delete what none of the workspace's rows refers to any more; how many blobs went.

    Waits for transactions that store bytes in this workspace, and makes new ones wait.
    """
    return blobs.delete_unused(workspace_id, digests, partial(_used, workspace_id)) if digests else 0


def release_unused(workspace_id: UUID, digests: Collection[bytes]) -> int:
    """The same for hashes of which most are in use: only for the others anybody has to wait."""
    return release(workspace_id, set(digests) - _used(workspace_id, digests))


def statements(workspace_id: UUID, digests: Collection[bytes]) -> tuple[dict[str, Any], list[str]]:
    """What finds those of the hashes that rows of runs refer to: one statement for each column, with its parameters."""
    parameters: dict[str, Any] = {
        "workspace": workspace_id,
        "digests": list(digests),
        "first": REFERENCES[0],
        "end": REFERENCES[1],
    }
    looks = [
        _REFERRED.format(table=model._meta.db_table, column=column, owner=_OWNERS.get(model, "workspace_id"))
        for model, columns in PLACES.items()
        for column in columns
    ]
    return parameters, [_ATTACHED, *looks]


def _referred_by(model: type[Model], rows: Q) -> set[bytes]:
    columns = PLACES[model]
    referring = reduce(or_, map(refers, columns))
    values = chain.from_iterable(model._default_manager.filter(rows, referring).values_list(*columns))
    return {digest for value in values if value is not None and (digest := digest_of(value)) is not None}


def _used(workspace_id: UUID, digests: Collection[bytes]) -> set[bytes]:
    """Those of the hashes that some row of the workspace refers to."""
    used = kept_contents(workspace_id, digests)
    parameters, looks = statements(workspace_id, digests)
    with connection.cursor() as cursor:
        for look in looks:
            cursor.execute(look, parameters)
            used.update(bytes(digest) for (digest,) in cursor.fetchall())
    return used
