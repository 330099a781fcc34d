"""The SQL of waits: like `statements`, each constant is one round trip, for Django's cursor and for psycopg's pool."""

from typing import Final

from apps.runs.payload_statements import KEPT_BY_MOVE

_OPENING: Final = """
WITH asked AS (
    SELECT * FROM unnest(
        %(ids)s::uuid[], %(kinds)s::text[], %(states)s::text[], %(steps)s::int[], %(calls)s::text[], %(tools)s::text[],
        %(prompts)s::text[], %(arguments)s::bytea[], %(digests)s::bytea[], %(schemas)s::text[], %(results)s::bytea[],
        %(assignees)s::text[], %(roles)s::text[], %(needed)s::int[], %(services)s::boolean[], %(due_seconds)s::float8[],
        %(due_at)s::timestamptz[], %(on_due)s::text[], %(escalate_roles)s::text[], %(tokens)s::bytea[],
        %(children)s::uuid[], %(events)s::bytea[]
    ) WITH ORDINALITY AS asked (
        id, kind, state, run_step, tool_call_id, tool, prompt, arguments, digest, answer_schema, result, assignee, role,
        needed, services, due_seconds, due_at, on_due, escalate_role, token_digest, child_id, event, n
    )
), moved AS (
    UPDATE runs_run
    SET status = %(to)s::text, stop_reason = '', worker_id = NULL, attempt = attempt - 1,
        event_seq = event_seq + 1 + (SELECT count(*) FROM asked),
        queued_at = CASE WHEN %(to)s::text = 'queued' THEN now() ELSE queued_at END
    WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running' AND cancel_requested_at IS NULL
    RETURNING id, workspace_id, event_seq
), vacated AS (
    UPDATE runs_slot SET run_id = NULL FROM moved WHERE runs_slot.run_id = moved.id
), placed AS (
    SELECT asked.*, moved.id AS run_id, moved.workspace_id, (
        SELECT member.user_id
        FROM accounts_membership AS member JOIN accounts_user AS person ON person.id = member.user_id
        WHERE member.workspace_id = moved.workspace_id AND person.email = lower(asked.assignee)
    ) AS assignee_id
    FROM moved CROSS JOIN asked
), opened AS (
    INSERT INTO runs_wait (
        id, workspace_id, run_id, kind, state, run_step, tool_call_id, tool, prompt, arguments, digest, answer_schema,
        result, assignee_id, role, needed, services, due_at, on_due, escalate_role, token_digest, child_id, resolved_at
    )
    SELECT id, workspace_id, run_id, kind, state, run_step, tool_call_id, tool, prompt, arguments, digest,
           answer_schema::jsonb, result, assignee_id,
           CASE WHEN assignee <> '' AND assignee_id IS NULL THEN 'admin' ELSE role END, needed, services,
           coalesce(due_at, now() + make_interval(secs => due_seconds)), on_due, escalate_role, token_digest, child_id,
           CASE WHEN state <> 'open' THEN now() END
    FROM placed
), told AS (
    INSERT INTO runs_event (run_id, seq, type, step_n, data)
    SELECT moved.id, moved.event_seq - 1 - (SELECT count(*) FROM asked) + asked.n, 'wait.opened', NULL::int, asked.event
    FROM moved CROSS JOIN asked
    UNION ALL
    SELECT id, event_seq, %(type)s::text, NULL::int, %(data)s::bytea FROM moved
)"""

_OPENED: Final = """
SELECT event_seq, NULL::uuid AS next_id, NULL::uuid AS left_thread FROM moved"""

OPEN_WAITS: Final = _OPENING + _OPENED
OPEN_WAITS_KEEPING: Final = _OPENING + KEPT_BY_MOVE + _OPENED
"""A running run begins to wait: its state, its open waits and their events, under the fence of its lease.

Zero rows: another process has the run, or somebody asked for it to be cancelled. An assignee who is no member any more
leaves the decision to administrators. The second form also keeps arguments that lie apart from their rows.
"""

WAITS_OF_STEP: Final = """
SELECT tool_call_id, kind, tool, arguments, result FROM runs_wait WHERE run_id = %(run)s AND run_step = %(step)s"""

DUE_WAITS: Final = "SELECT id FROM runs_wait WHERE state = 'open' AND due_at <= now() ORDER BY due_at LIMIT 200"

CHILD_WAITS: Final = """
SELECT wait.id, child.id IS NULL OR child.status IN ('succeeded', 'failed', 'cancelled') AS ended
FROM (
    SELECT id, child_id FROM runs_wait WHERE state = 'open' AND kind = 'child' AND id > %(after)s ORDER BY id LIMIT 1000
) AS wait LEFT JOIN runs_run AS child ON child.id = wait.child_id
ORDER BY wait.id"""
"""The next thousand waits for children; the one who looks goes on behind the last."""

TELL: Final = """
WITH run AS (
    UPDATE runs_run SET event_seq = event_seq + 1 WHERE id = %(run)s RETURNING id, event_seq
), told AS (
    INSERT INTO runs_event (run_id, seq, type, step_n, data)
    SELECT id, event_seq, %(type)s, NULL::int, %(data)s FROM run
)
SELECT event_seq FROM run"""
"""An event of a run whose row the caller has locked."""
