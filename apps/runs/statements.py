"""The engine's SQL: each constant is one round trip, run alike by Django's cursor and by psycopg's async pool.

The fence is an UPDATE that locks the run's row and checks its epoch; what a step or a state change inserts is selected
from the row that the UPDATE returned. A writer with an old epoch gets zero rows back and must stop. (An `INSERT …
SELECT … WHERE epoch` would take no lock, and a zombie's row could land after the takeover.)
"""

from typing import Final

MAX_CRASHES: Final = 3
"""Workers lost in a row, without a new step, after which a run is given up as poison."""

LONGEST_LIFE: Final = 10 * 366 * 86_400
"""Seconds; a longer one would not fit into an interval, and the claim of every run would stumble over it."""

_TELL: Final = """
    told AS (
        INSERT INTO runs_event (run_id, seq, type, step_n, data)
        SELECT id, event_seq, {type}, {step_n}, {data} FROM {source}
    )"""

CLAIM: Final = f"""
WITH runnable AS (
    SELECT id FROM runs_run
    WHERE status = 'queued' AND (next_wake_at IS NULL OR next_wake_at <= now())
      AND EXISTS (SELECT 1 FROM runs_workerprocess WHERE id = %(worker)s AND expires_at > now())
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE runs_run AS run
    SET status = 'running', worker_id = %(worker)s, lease_epoch = lease_epoch + 1, attempt = attempt + 1,
        started_at = coalesce(started_at, now()), event_seq = event_seq + 1, next_wake_at = NULL,
        deadline_at = coalesce(
            deadline_at, now() + make_interval(secs => least((limits ->> 'seconds')::float8, {LONGEST_LIFE}))
        )
    FROM runnable WHERE run.id = runnable.id
    RETURNING run.*
), {
    _TELL.format(
        type="'run.started'",
        step_n="NULL",
        data="convert_to(json_build_object('attempt', attempt)::text, 'UTF8')",
        source="claimed",
    )
}
SELECT id, workspace_id, agent_version_id, thread_id, lease_epoch, attempt, streaming, input, attachments, limits,
       context_versions, step_count, model_calls, input_tokens, output_tokens, cost_usd, event_seq,
       cancel_requested_at IS NOT NULL AS cancel_requested,
       extract(epoch FROM deadline_at - now())::float8 AS seconds_left
FROM claimed"""

_RECORD: Final = f"""
WITH fenced AS (
    UPDATE runs_run
    SET step_count = step_count + 1, event_seq = event_seq + 1, crashes = 0,
        model_calls = model_calls + %(model_calls)s, input_tokens = input_tokens + %(input_tokens)s,
        output_tokens = output_tokens + %(output_tokens)s, cost_usd = cost_usd + %(cost_usd)s
    WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running'
    RETURNING id, step_count, event_seq, cancel_requested_at
), step AS (
    INSERT INTO runs_step (run_id, n, key, kind, name, tool_call_id, epoch, digest, request, result, manifest,
                           error_code, started_at, first_token_ms, input_tokens, output_tokens, cost_usd)
    SELECT id, step_count, %(key)s, %(kind)s, %(name)s, %(tool_call_id)s, %(epoch)s, %(digest)s, %(request)s,
           %(result)s, %(manifest)s, %(error_code)s, now() - make_interval(secs => %(seconds)s), %(first_token_ms)s,
           %(input_tokens)s, %(output_tokens)s, %(cost_usd)s
    FROM fenced
), {_TELL.format(type="'step.recorded'", step_n="step_count", data="%(event)s", source="fenced")}"""

_RECEIPT: Final = """
SELECT step_count, event_seq, cancel_requested_at IS NOT NULL AS cancel_requested FROM fenced"""

RECORD_STEP: Final = _RECORD + _RECEIPT

RECORD_EFFECT_STEP: Final = (
    _RECORD
    + """, settled AS (
    UPDATE runs_effect AS effect SET state = 'committed', result = %(result)s, settled_at = now()
    FROM fenced WHERE effect.run_id = fenced.id AND effect.key = %(key)s
)"""
    + _RECEIPT
)

ALREADY_RECORDED: Final = """
SELECT run.step_count, run.event_seq, run.cancel_requested_at IS NOT NULL AS cancel_requested
FROM runs_run AS run JOIN runs_step AS step ON step.run_id = run.id AND step.key = %(key)s
WHERE run.id = %(run)s AND run.lease_epoch = %(epoch)s AND step.epoch = %(epoch)s AND run.status = 'running'"""

INTEND: Final = """
WITH fenced AS (
    SELECT id, workspace_id FROM runs_run
    WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running' FOR UPDATE
), intent AS (
    INSERT INTO runs_effect (id, workspace_id, run_id, key, tool, state, epoch, digest)
    SELECT %(id)s, workspace_id, id, %(key)s, %(tool)s, 'intent', %(epoch)s, %(digest)s FROM fenced
    ON CONFLICT (run_id, key) DO NOTHING RETURNING id
)
SELECT EXISTS (SELECT FROM fenced) AS held,
       EXISTS (SELECT FROM intent) OR EXISTS (SELECT FROM runs_effect WHERE id = %(id)s) AS inserted"""

MOVE: Final = f"""
WITH moved AS (
    UPDATE runs_run
    SET status = %(to)s::text, stop_reason = %(reason)s::text, worker_id = NULL,
        error_code = %(error_code)s::text, error_detail = %(error_detail)s::text,
        output = coalesce(%(output)s::bytea, output), messages = coalesce(%(messages)s::bytea, messages),
        crashes = CASE WHEN status = 'failed' THEN 0 ELSE crashes END,
        deadline_at = CASE WHEN status = 'failed' THEN NULL ELSE deadline_at END,
        cancel_requested_at = CASE WHEN status = 'failed' THEN NULL ELSE cancel_requested_at END,
        next_wake_at = CASE WHEN status = 'failed' THEN NULL ELSE next_wake_at END,
        event_seq = event_seq + 1, finished_at = CASE WHEN %(terminal)s::boolean THEN now() END,
        announced_at = CASE WHEN %(terminal)s::boolean AND NOT %(announce)s::boolean THEN now() END,
        queued_at = CASE WHEN %(to)s::text = 'queued' THEN now() ELSE queued_at END
    WHERE id = %(run)s AND status = ANY(%(sources)s::text[]) AND (%(epoch)s::int IS NULL OR lease_epoch = %(epoch)s)
    RETURNING id, event_seq
), doubted AS (
    UPDATE runs_effect AS effect SET state = 'outcome_unknown'
    FROM moved WHERE effect.run_id = moved.id AND effect.state = 'intent'
), {_TELL.format(type="%(type)s::text", step_n="NULL::int", data="%(data)s::bytea", source="moved")}
SELECT event_seq FROM moved"""
"""A call that was intended and has no result when its run leaves the process: nobody knows how it ended."""

REQUEST_CANCEL: Final = f"""
WITH asked AS (
    UPDATE runs_run SET cancel_requested_at = now(), event_seq = event_seq + 1
    WHERE id = %(run)s AND status = 'running' AND cancel_requested_at IS NULL
    RETURNING id, event_seq
), {_TELL.format(type="'run.cancel_requested'", step_n="NULL::int", data="%(data)s", source="asked")}
SELECT event_seq FROM asked"""

_FREE: Final = f"""
), swept AS (
    UPDATE runs_run AS run
    SET crashes = crashes + 1, worker_id = NULL, event_seq = event_seq + 1, queued_at = now(),
        status = CASE WHEN crashes + 1 < {MAX_CRASHES} THEN 'queued' ELSE 'failed' END,
        stop_reason = CASE WHEN crashes + 1 < {MAX_CRASHES} THEN '' ELSE 'poison' END,
        error_code = CASE WHEN crashes + 1 < {MAX_CRASHES} THEN '' ELSE 'poison' END,
        error_detail = CASE WHEN crashes + 1 < {MAX_CRASHES} THEN ''
                            ELSE 'The worker process died ' || (crashes + 1) || ' times without a new step.' END,
        finished_at = CASE WHEN crashes + 1 < {MAX_CRASHES} THEN NULL ELSE now() END
    FROM orphan WHERE run.id = orphan.id
    RETURNING run.id, run.event_seq, run.status, run.crashes
), {
    _TELL.format(
        type="CASE status WHEN 'queued' THEN 'run.released' ELSE 'run.failed' END",
        step_n="NULL::int",
        data="convert_to(json_build_object('cause', 'worker_lost', 'crashes', crashes)::text, 'UTF8')",
        source="swept",
    )
}
SELECT id, event_seq, status FROM swept"""

SWEEP: Final = (
    """
WITH orphan AS (
    SELECT run.id FROM runs_run AS run LEFT JOIN runs_workerprocess AS worker ON worker.id = run.worker_id
    WHERE run.worker_id IS NOT NULL AND run.status = 'running' AND (worker.id IS NULL OR worker.expires_at <= now())
    LIMIT 500 FOR UPDATE OF run SKIP LOCKED"""
    + _FREE
)

FREE_ABANDONED: Final = (
    """
WITH orphan AS (
    SELECT id FROM runs_run
    WHERE status = 'running' AND worker_id = %(worker)s AND NOT id = ANY(%(executing)s::uuid[])
    LIMIT 500 FOR UPDATE SKIP LOCKED"""
    + _FREE
)
"""Of one worker's runs those that it does not execute; only the worker itself can know."""

RECALL: Final = """
SELECT result FROM runs_effect WHERE run_id = %(run)s AND key = %(key)s AND state = 'committed'"""

SETTLE: Final = """
WITH fenced AS (
    SELECT id, workspace_id FROM runs_run
    WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running' FOR UPDATE
)
INSERT INTO runs_effect AS effect (id, workspace_id, run_id, key, tool, state, epoch, digest, result, settled_at)
SELECT %(id)s, workspace_id, id, %(key)s, %(tool)s, 'committed', %(epoch)s, %(digest)s, %(result)s, now() FROM fenced
ON CONFLICT (run_id, key) DO UPDATE SET state = 'committed', result = excluded.result, settled_at = now()
WHERE effect.state = 'intent'
RETURNING id"""
