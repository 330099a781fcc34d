-- Each query shows what breaks a promise; the name before it says which. No rows, and it holds.

-- lost: accepted, and not over, although people decided what waited for them
SELECT accepted.run_id, run.status, run.stop_reason, run.attempt, run.crashes, run.quarantined, run.held FROM accepted LEFT JOIN runs_run AS run ON run.id = accepted.run_id
WHERE run.id IS NULL OR run.status NOT IN ('succeeded', 'failed', 'cancelled');

-- accepted twice: one case, two runs
SELECT metadata ->> 'case', count(*) FROM runs_run GROUP BY 1 HAVING count(*) > 1;

-- failed: a run that nothing was wrong with
SELECT id, stop_reason, error_code, left(error_detail, 200) FROM runs_run WHERE status = 'failed';

-- unsafe effect doubled: the server was asked twice
SELECT case_id, turn, call, count(*) FROM tool_call WHERE tool = 'charge' GROUP BY 1, 2, 3 HAVING count(*) > 1;

-- unsafe call without an intent
SELECT tool_call.case_id, tool_call.step FROM tool_call
WHERE tool = 'charge'
  AND NOT EXISTS (SELECT FROM runs_effect WHERE run_id = tool_call.run::uuid AND key = tool_call.step);

-- idempotent effect doubled: two keys for one call, or two effects of one key
SELECT case_id, turn, call, count(DISTINCT key), count(*) FILTER (WHERE fresh) FROM tool_call
WHERE tool = 'reserve' GROUP BY 1, 2, 3 HAVING count(DISTINCT key) > 1 OR count(*) FILTER (WHERE fresh) <> 1;

-- steps with gaps, or not as many as the run says
SELECT run.id, run.step_count, count(step.n), min(step.n), max(step.n)
FROM runs_run AS run LEFT JOIN runs_step AS step ON step.run_id = run.id GROUP BY run.id
HAVING count(step.n) <> run.step_count OR max(step.n) <> run.step_count OR min(step.n) <> 1;

-- recorded steps or events that were changed or deleted
SELECT * FROM chaos.tampered;

-- epochs that go back: a step of an older holder behind one of a newer
SELECT run_id, n, epoch FROM (
    SELECT run_id, n, epoch, lag(epoch) OVER (PARTITION BY run_id ORDER BY n) AS before FROM runs_step
) AS step WHERE before > epoch;

-- two holders of one epoch
SELECT run_id, epoch, count(DISTINCT worker_id) FROM chaos.moved WHERE worker_id IS NOT NULL
GROUP BY 1, 2 HAVING count(DISTINCT worker_id) > 1;

-- events with gaps
SELECT run.id, run.event_seq, count(event.seq), max(event.seq)
FROM runs_run AS run LEFT JOIN runs_event AS event ON event.run_id = run.id GROUP BY run.id
HAVING count(event.seq) <> run.event_seq OR max(event.seq) <> run.event_seq;

-- runs that end otherwise than once, with their last event
SELECT run.id, run.status, ends.count FROM runs_run AS run JOIN LATERAL (
    SELECT count(*), max(seq) FROM runs_event
    WHERE run_id = run.id AND type IN ('run.succeeded', 'run.failed', 'run.cancelled')
) AS ends ON true
WHERE run.status IN ('succeeded', 'failed', 'cancelled') AND (ends.count <> 1 OR ends.max <> run.event_seq)
   OR run.status NOT IN ('succeeded', 'failed', 'cancelled') AND ends.count <> 0;

-- an answer that the model never gave in this run's last call
SELECT run.id, pg_temp.readable(run.output) FROM runs_run AS run JOIN LATERAL (
    SELECT pg_temp.readable(result) ->> 'provider_response_id' AS call FROM runs_step
    WHERE run_id = run.id AND kind = 'model' ORDER BY n DESC LIMIT 1
) AS last ON true
WHERE run.status = 'succeeded' AND position(last.call IN pg_temp.readable(run.output) #>> '{}') = 0;

-- a recorded model call that the model server did not answer, or not for this case
SELECT step.run_id, step.n FROM runs_step AS step JOIN runs_run AS run ON run.id = step.run_id
LEFT JOIN answered ON answered.call = pg_temp.readable(step.result) ->> 'provider_response_id'
WHERE step.kind = 'model' AND pg_temp.readable(step.result) IS NOT NULL AND (
    answered.call IS NULL OR answered.case_id <> run.metadata ->> 'case'
    OR answered.input_tokens <> step.input_tokens OR answered.output_tokens <> step.output_tokens
);

-- tokens of the run that are not the sum of its steps'
SELECT run.id, run.input_tokens, sum(step.input_tokens) FROM runs_run AS run
JOIN runs_step AS step ON step.run_id = run.id GROUP BY run.id
HAVING sum(step.input_tokens) <> run.input_tokens OR sum(step.output_tokens) <> run.output_tokens
    OR count(*) FILTER (WHERE step.kind = 'model') <> run.model_calls;

-- a recorded tool result that no tool gave in this run
SELECT step.run_id, step.n FROM runs_step AS step WHERE step.kind = 'tool' AND get_byte(step.result, 0) > 3 AND NOT EXISTS (
    SELECT FROM tool_call WHERE tool_call.run = step.run_id::text AND tool_call.step = step.key
      AND tool_call.receipt = pg_temp.readable(step.result) ->> 'result'
);

-- a model that was shown what the journal does not hold
SELECT run.id, model_call.turn, receipt FROM model_call
CROSS JOIN LATERAL unnest(model_call.saw) AS receipt
JOIN runs_run AS run ON run.metadata ->> 'case' = model_call.case_id
WHERE NOT EXISTS (
    SELECT FROM runs_step WHERE run_id = run.id AND kind = 'tool'
      AND pg_temp.readable(result) ->> 'result' = receipt
);

-- more than one unrecorded model call for each time that a run was claimed
SELECT run.id, run.lease_epoch, run.model_calls, count(*) FROM runs_run AS run
JOIN model_call ON model_call.case_id = run.metadata ->> 'case' AND model_call.status = 200
GROUP BY run.id HAVING count(*) - run.model_calls > run.lease_epoch;

-- a step that began more than five seconds after a cancel was asked for
SELECT run.id, step.n FROM runs_run AS run JOIN runs_step AS step ON step.run_id = run.id
WHERE step.started_at > run.cancel_requested_at + interval '5 seconds';

-- a running run whose worker's lease has ended
SELECT run.id, worker.expires_at FROM runs_run AS run LEFT JOIN runs_workerprocess AS worker ON worker.id = run.worker_id
WHERE run.status = 'running' AND (worker.id IS NULL OR worker.expires_at < now() - interval '10 seconds');

-- two runs of one thread at the same time
SELECT thread_id, id, started_at, ended FROM (
    SELECT thread_id, id, started_at, lag(finished_at) OVER (PARTITION BY thread_id ORDER BY started_at) AS ended
    FROM runs_run WHERE thread_id IS NOT NULL AND started_at IS NOT NULL
) AS run WHERE ended > started_at;

-- places under caps that a finished run still holds
SELECT slot.* FROM runs_slot AS slot JOIN runs_run AS run ON run.id = slot.run_id WHERE run.status <> 'running';

-- a run parked for an unknown outcome of which the ledger knows nothing
SELECT id FROM runs_run AS run WHERE status = 'waiting' AND stop_reason = 'outcome_unknown'
  AND NOT EXISTS (SELECT FROM runs_effect WHERE run_id = run.id AND state = 'outcome_unknown');
