"""The engine's SQL: each constant is one round trip, run alike by Django's cursor and by psycopg's async pool.

The fence is an UPDATE that locks the run's row and checks its epoch; what a step or a state change inserts is selected
from the row that the UPDATE returned. A writer with an old epoch gets zero rows back and must stop. (An `INSERT …
SELECT … WHERE epoch` would take no lock, and a zombie's row could land after the takeover.)
"""

from functools import cache
from typing import Final

from apps.runs.budget_statements import SETTLED
from apps.runs.claim_statements import NEXT_RUN
from apps.runs.payload_statements import KEPT_BY_MOVE, KEPT_BY_STEP

QUARANTINE_AFTER: Final = 2
"""Workers lost in a row, without a new step, after which a run is executed alone: one lost then is its own fault."""

LONGEST_LIFE: Final = 10 * 366 * 86_400
"""Seconds; a longer one would not fit into an interval, and the claim of every run would stumble over it."""

_TELL: Final = """
    told AS (
        INSERT INTO runs_event (run_id, seq, type, step_n, data)
        SELECT id, event_seq, {type}, {step_n}, {data} FROM {source}
    )"""

_CLAIM: Final = f"""
, claimed AS (
    UPDATE runs_run AS run
    SET status = 'running', worker_id = %(worker)s, lease_epoch = lease_epoch + 1, attempt = attempt + 1,
        started_at = coalesce(started_at, now()), event_seq = event_seq + 1, next_wake_at = NULL,
        deadline_at = least(
            deadline_at, now() + make_interval(secs => least((limits ->> 'seconds')::float8, {LONGEST_LIFE}))
        )
    FROM chosen WHERE run.id = chosen.id
    RETURNING run.*, chosen.slots IS NOT NULL AS capped
), {
    _TELL.format(
        type="'run.started'",
        step_n="NULL",
        data="convert_to(json_build_object('attempt', attempt)::text, 'UTF8')",
        source="claimed",
    )
}
SELECT id, workspace_id, agent_version_id, thread_id, lease_epoch, attempt, streaming, input, attachments, limits,
       context_versions, step_count, model_calls, input_tokens, output_tokens, cost_usd, event_seq, quarantined, capped,
       cancel_requested_at IS NOT NULL AS cancel_requested,
       extract(epoch FROM deadline_at - now())::float8 AS seconds_left, account_ids, parent_id,
       EXISTS (SELECT FROM runs_budget WHERE runs_budget.workspace_id = claimed.workspace_id) AS budgeted
FROM claimed"""

CLAIM: Final = NEXT_RUN + _CLAIM

CLAIM_QUARANTINED: Final = (
    """
WITH chosen AS (
    SELECT id, NULL::bigint[] AS slots FROM runs_run
    WHERE status = 'queued' AND NOT held AND quarantined
      AND EXISTS (SELECT FROM runs_workerprocess WHERE id = %(worker)s AND expires_at > now())
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)"""
    + _CLAIM
)
"""The oldest suspect, whatever the caps: there is one process for them, and it runs one at a time."""

_RECORD: Final = f"""
WITH fenced AS (
    UPDATE runs_run
    SET step_count = step_count + 1, event_seq = event_seq + 1, crashes = 0, quarantined = false,
        model_calls = model_calls + %(model_calls)s, input_tokens = input_tokens + %(input_tokens)s,
        output_tokens = output_tokens + %(output_tokens)s, cost_usd = cost_usd + %(cost_usd)s
    WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running'
    RETURNING id, workspace_id, step_count, event_seq, cancel_requested_at
), step AS (
    INSERT INTO runs_step (run_id, n, key, kind, name, tool_call_id, epoch, digest, request, result, manifest,
                           error_code, started_at, first_token_ms, input_tokens, output_tokens, cost_usd)
    SELECT id, step_count, %(key)s, %(kind)s, %(name)s, %(tool_call_id)s, %(epoch)s, %(digest)s, %(request)s,
           %(result)s, %(manifest)s, %(error_code)s, now() - make_interval(secs => %(seconds)s), %(first_token_ms)s,
           %(input_tokens)s, %(output_tokens)s, %(cost_usd)s
    FROM fenced
), {_TELL.format(type="'step.recorded'", step_n="step_count", data="%(event)s", source="fenced")}"""

_RECEIPT: Final = """
SELECT step_count, event_seq, cancel_requested_at IS NOT NULL AS cancel_requested,
       EXISTS (SELECT FROM runs_budget WHERE runs_budget.workspace_id = fenced.workspace_id) AS budgeted
FROM fenced"""

RECORD_STEP: Final = _RECORD + _RECEIPT

EFFECT_SETTLED: Final = """, settled AS (
    UPDATE runs_effect AS effect
    SET state = CASE WHEN effect.state IN ('committed', 'reconciled') THEN effect.state ELSE %(effect)s::text END,
        settled_at = coalesce(effect.settled_at, now()),
        decided_by_kind = CASE WHEN %(checked)s::boolean THEN 'check' ELSE effect.decided_by_kind END
    FROM fenced WHERE effect.run_id = fenced.id AND effect.key = %(key)s
)"""
"""The end of a step's line in the ledger; what the tool committed itself, or a person found out, stays told as that."""


@cache
def recording(*parts: str) -> str:
    """RECORD_STEP with more in the same statement: EFFECT_SETTLED, a budget's SETTLED, KEPT_BY_STEP, SNAPSHOT."""
    return _RECORD + "".join(parts) + _RECEIPT


RECORD_EFFECT_STEP: Final = recording(EFFECT_SETTLED)
RECORD_BUDGETED_STEP: Final = recording(SETTLED)

ALREADY_RECORDED: Final = """
SELECT run.step_count, run.event_seq, run.cancel_requested_at IS NOT NULL AS cancel_requested,
       EXISTS (SELECT FROM runs_budget WHERE runs_budget.workspace_id = run.workspace_id) AS budgeted
FROM runs_run AS run JOIN runs_step AS step ON step.run_id = run.id AND step.key = %(key)s
WHERE run.id = %(run)s AND run.lease_epoch = %(epoch)s AND step.epoch = %(epoch)s AND run.status = 'running'"""

INTEND: Final = """
WITH fenced AS (
    SELECT id, workspace_id FROM runs_run
    WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running' AND cancel_requested_at IS NULL FOR UPDATE
), intent AS (
    INSERT INTO runs_effect AS effect
        (id, workspace_id, run_id, key, tool, state, epoch, intent_id, digest, arguments, decided_by_kind, note)
    SELECT %(id)s, workspace_id, id, %(key)s, %(tool)s, 'intent', %(epoch)s, %(id)s, %(digest)s, %(arguments)s, '', ''
    FROM fenced
    ON CONFLICT (run_id, key) DO UPDATE
    SET state = 'intent', epoch = excluded.epoch, intent_id = excluded.intent_id, settled_at = NULL,
        decided_by_kind = CASE WHEN %(again)s::boolean THEN 'check' ELSE effect.decided_by_kind END
    WHERE effect.state = 'failed' OR (%(again)s::boolean AND effect.state IN ('intent', 'outcome_unknown'))
    RETURNING id
)
SELECT EXISTS (SELECT FROM fenced) AS held,
       EXISTS (SELECT FROM intent) OR EXISTS (
           SELECT FROM runs_effect
           WHERE run_id = %(run)s AND key = %(key)s AND intent_id = %(id)s AND state = 'intent'
       ) AS inserted"""
"""The intent of a call, once: a second is written only over one that certainly did not happen.

A person's word makes it `failed`; `again` says that the tool's own check just found so. A repeat of this statement,
sent because its commit was not answered, finds its own intent.
"""

_ONE: Final = "id = %(run)s"
_MANY: Final = "id = ANY(%(runs)s::uuid[])"


def _moving(which: str) -> str:
    return f"""
WITH moved AS (
    UPDATE runs_run
    SET status = %(to)s::text, worker_id = NULL, held = held AND NOT %(terminal)s::boolean,
        stop_reason = CASE WHEN %(to)s::text = 'cancelled' AND cancel_reason <> '' THEN cancel_reason
                           ELSE %(reason)s::text END,
        error_code = %(error_code)s::text, error_detail = %(error_detail)s::text,
        output = coalesce(%(output)s::bytea, output), messages = coalesce(%(messages)s::bytea, messages),
        attempt = CASE WHEN status = 'running' AND NOT %(terminal)s::boolean THEN attempt - 1 ELSE attempt END,
        crashes = CASE WHEN status = 'failed' THEN 0 ELSE crashes END,
        quarantined = quarantined AND status <> 'failed',
        deadline_at = CASE WHEN status = 'failed' THEN NULL ELSE deadline_at END,
        cancel_requested_at = CASE WHEN status = 'failed' THEN NULL ELSE cancel_requested_at END,
        cancel_reason = CASE WHEN status = 'failed' THEN '' ELSE cancel_reason END,
        next_wake_at = CASE WHEN status = 'failed' THEN NULL ELSE next_wake_at END,
        event_seq = event_seq + 1, finished_at = CASE WHEN %(terminal)s::boolean THEN now() END,
        announced_at = CASE WHEN %(terminal)s::boolean AND NOT %(announce)s::boolean THEN now() END,
        queued_at = CASE WHEN %(to)s::text = 'queued' THEN now() ELSE queued_at END
    WHERE {which} AND status = ANY(%(sources)s::text[]) AND (%(epoch)s::int IS NULL OR lease_epoch = %(epoch)s)
      AND (%(terminal)s::boolean OR status = 'failed' OR cancel_requested_at IS NULL)
    RETURNING id, workspace_id, event_seq, thread_id
), vacated AS (
    UPDATE runs_slot SET run_id = NULL FROM moved WHERE runs_slot.run_id = moved.id
), next_in_thread AS (
    UPDATE runs_run AS run SET held = false, queued_at = now() FROM (SELECT DISTINCT thread_id FROM moved) AS ended
    WHERE %(terminal)s::boolean AND run.held AND run.id = (
        SELECT id FROM runs_run WHERE thread_id = ended.thread_id AND held AND NOT {which} ORDER BY id LIMIT 1
    ) AND NOT EXISTS (
        SELECT FROM runs_run AS before
        WHERE before.thread_id = ended.thread_id AND NOT before.{which} AND NOT before.held
          AND before.status IN ('queued', 'running', 'waiting')
    )
    RETURNING run.id
), doubted AS (
    UPDATE runs_effect AS effect SET state = 'outcome_unknown'
    FROM moved WHERE effect.run_id = moved.id AND effect.state = 'intent'
), {_TELL.format(type="%(type)s::text", step_n="NULL::int", data="%(data)s::bytea", source="moved")}"""


_MOVED: Final = """
SELECT event_seq, (SELECT id FROM next_in_thread) AS next_id,
       CASE WHEN %(terminal)s::boolean THEN thread_id END AS left_thread
FROM moved"""

MOVE: Final = _moving(_ONE) + _MOVED
"""Compare-and-swap of the state, with its event. What the run held is given back: places under caps, the thread's turn.

`next_id` is the run whose turn it is in the thread now. When it is null, one may have come that this statement did not
see; NEXT_IN_THREADS, sent for `left_thread` after the commit, does.

A run that somebody wants cancelled neither begins to wait nor is given back: nobody would see that for a while. An
orderly give-back is no attempt. A call that was intended and has no result when its run leaves the process: nobody
knows how it ended.
"""

MOVE_KEEPING: Final = _moving(_ONE) + KEPT_BY_MOVE + _MOVED
"""The same for an answer that lies apart from the run's row."""

MOVE_MANY: Final = (
    _moving(_MANY)
    + """
SELECT id, event_seq, thread_id, (SELECT array_agg(id) FROM next_in_thread) AS next_ids FROM moved"""
)
"""The same for many runs, whose rows the caller has locked. Each row says all runs whose turn it is now.

DISTINCT makes the next in a thread wait until every run has moved: before that it might be the thread's second.
"""


def _asking(which: str) -> str:
    return f"""
WITH asked AS (
    UPDATE runs_run SET cancel_requested_at = now(), cancel_reason = %(reason)s::text, event_seq = event_seq + 1
    WHERE {which} AND status = 'running'
      AND (cancel_requested_at IS NULL OR %(reason)s::text = 'rolled_back' AND cancel_reason <> 'rolled_back')
    RETURNING id, event_seq
), {_TELL.format(type="'run.cancel_requested'", step_n="NULL::int", data="%(data)s", source="asked")}
SELECT event_seq, id FROM asked"""


REQUEST_CANCEL: Final = _asking(_ONE)
REQUEST_CANCEL_MANY: Final = _asking(_MANY)

BEGIN_STEP: Final = f"""
WITH fenced AS (
    UPDATE runs_run SET event_seq = event_seq + 1
    WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running'
    RETURNING id, event_seq
), {_TELL.format(type="'step.started'", step_n="NULL::int", data="%(data)s", source="fenced")}
SELECT event_seq FROM fenced"""
"""Told of a quarantined run before each call, so that a crash has a name."""

_BUSY_WITH: Final = """
    SELECT string_agg((convert_from(event.data, 'UTF8')::json ->> 'kind') || ' '
                      || (convert_from(event.data, 'UTF8')::json ->> 'name'), ', ' ORDER BY event.seq)
    FROM runs_event AS event
    WHERE event.run_id = run.id AND event.type = 'step.started' AND event.seq > (
        SELECT max(began.seq) FROM runs_event AS began WHERE began.run_id = run.id AND began.type = 'run.started'
    )"""

_FREE: Final = f"""
), swept AS (
    UPDATE runs_run AS run
    SET crashes = crashes + guilt, worker_id = NULL, event_seq = event_seq + 1, queued_at = now(),
        status = CASE WHEN quarantined AND guilt > 0 THEN 'failed' ELSE 'queued' END,
        stop_reason = CASE WHEN quarantined AND guilt > 0 THEN 'poison' ELSE '' END,
        error_code = CASE WHEN quarantined AND guilt > 0 THEN 'poison' ELSE '' END,
        error_detail = CASE WHEN quarantined AND guilt > 0
            THEN 'The worker died ' || (crashes + 1) || ' times without a new step, at last with this run alone in it, '
                 || coalesce('in the ' || ({_BUSY_WITH}) || '.', 'before its next step.')
            ELSE '' END,
        finished_at = CASE WHEN quarantined AND guilt > 0 THEN now() END,
        quarantined = quarantined OR crashes + guilt >= {QUARANTINE_AFTER}
    FROM orphan WHERE run.id = orphan.id
    RETURNING run.id, run.event_seq, run.status, run.crashes, run.quarantined, run.error_detail, run.thread_id,
              CASE WHEN guilt > 0 THEN 'worker_lost' ELSE 'lease_lost' END AS cause
), vacated AS (
    UPDATE runs_slot SET run_id = NULL FROM swept WHERE runs_slot.run_id = swept.id
), doubted AS (
    UPDATE runs_effect AS effect SET state = 'outcome_unknown'
    FROM swept WHERE swept.status = 'failed' AND effect.run_id = swept.id AND effect.state = 'intent'
), {
    _TELL.format(
        type="CASE status WHEN 'queued' THEN 'run.released' ELSE 'run.failed' END",
        step_n="NULL::int",
        data="convert_to((jsonb_build_object("
        "'cause', cause, 'crashes', crashes, 'quarantined', quarantined) || CASE status WHEN 'failed' "
        "THEN jsonb_build_object('code', 'poison', 'detail', error_detail) ELSE '{}' END)::text, 'UTF8')",
        source="swept",
    )
}
SELECT id, event_seq, status FROM swept"""

SWEEP: Final = (
    """
WITH orphan AS (
    SELECT run.id, (worker.id IS NULL OR worker.heartbeat_at > pg_postmaster_start_time())::int AS guilt
    FROM runs_run AS run LEFT JOIN runs_workerprocess AS worker ON worker.id = run.worker_id
    WHERE run.worker_id IS NOT NULL AND run.status = 'running' AND (worker.id IS NULL OR worker.expires_at <= now())
    LIMIT 500 FOR UPDATE OF run SKIP LOCKED"""
    + _FREE
)
"""A worker whose lease ended is taken for dead, and its runs for what killed it; but one that had no chance to renew,
because this server was away meanwhile, has done nothing wrong."""

FREE_ABANDONED: Final = (
    """
WITH orphan AS (
    SELECT id, (id = ANY(%(failed)s::uuid[]))::int AS guilt FROM runs_run
    WHERE status = 'running' AND worker_id = %(worker)s AND NOT id = ANY(%(executing)s::uuid[])
    LIMIT 500 FOR UPDATE SKIP LOCKED"""
    + _FREE
)
"""Of one worker's runs those that it does not execute; only the worker itself can know.

It lives, so that this counts as no crash, but for runs that `failed` there by a bug, which could go round for ever.
"""

RECALL: Final = """
SELECT result FROM runs_effect
WHERE run_id = %(run)s AND key = %(key)s AND state IN ('committed', 'reconciled') AND result IS NOT NULL"""
"""What a tool left with its own writes, or a person or a check found out, before the step was recorded."""

TELL_EFFECT: Final = f"""
WITH counted AS (
    UPDATE runs_run SET event_seq = event_seq + 1 WHERE id = %(run)s RETURNING id, event_seq
), {_TELL.format(type="'effect.resolved'", step_n="NULL::int", data="%(data)s", source="counted")}
SELECT event_seq FROM counted"""

KEEP_LATE: Final = """
UPDATE runs_effect SET late_result = %(payload)s
WHERE run_id = %(run)s AND key = %(key)s AND late_result IS NULL
  AND NOT EXISTS (SELECT FROM runs_step WHERE run_id = %(run)s AND key = %(key)s AND epoch = %(epoch)s)
RETURNING id"""
"""What a call brought to a process that had lost its run by then. It touches nothing else, so it needs no fence."""

_SETTLED_LINE: Final = """
INSERT INTO runs_effect AS effect
    (id, workspace_id, run_id, key, tool, state, epoch, digest, result, settled_at, decided_by_kind, note)
SELECT %(id)s, workspace_id, id, %(key)s, %(tool)s, 'committed', %(epoch)s, %(digest)s, %(result)s, now(), '', ''
FROM fenced
ON CONFLICT (run_id, key) DO UPDATE SET state = 'committed', result = excluded.result, settled_at = now()
WHERE effect.state IN ('intent', 'failed')
RETURNING id"""

_FENCED: Final = """
WITH fenced AS (
    SELECT id, workspace_id FROM runs_run
    WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running' AND cancel_requested_at IS NULL FOR UPDATE
)"""

SETTLE: Final = _FENCED + _SETTLED_LINE
SETTLE_KEEPING: Final = _FENCED + KEPT_BY_STEP + _SETTLED_LINE
"""A call's line with its result, in the transaction of what the tool writes; KEEPING, when the result lies apart."""

STOPPING: Final = """
SELECT id FROM runs_run
WHERE id = %(run)s AND lease_epoch = %(epoch)s AND status = 'running' AND cancel_requested_at IS NOT NULL"""
"""Whether an effect was refused because its run is to stop, and not because the run is another's by now.

An effect after the request could be one of a run that is being rolled back, which was asked for because it had none.
"""

NEXT_IN_THREADS: Final = """
UPDATE runs_run AS run SET held = false, queued_at = now()
WHERE run.held AND run.id IN (
    SELECT min(waiting.id::text)::uuid FROM runs_run AS waiting
    WHERE waiting.held AND (%(thread)s::uuid IS NULL OR waiting.thread_id = %(thread)s)
      AND NOT EXISTS (
        SELECT FROM runs_run AS before
        WHERE before.thread_id = waiting.thread_id AND NOT before.held
          AND before.status IN ('queued', 'running', 'waiting')
      )
    GROUP BY waiting.thread_id LIMIT 500
)
RETURNING run.id"""
"""The first of each thread's runs that wait behind none: a run may be enqueued while the one before it just ends."""
