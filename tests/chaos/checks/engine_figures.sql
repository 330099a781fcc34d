-- figures: counts of the arm
SELECT (SELECT count(*) FROM accepted) AS accepted,
       (SELECT count(*) FROM accepted JOIN runs_run AS run ON run.id = accepted.run_id
        WHERE run.status IN ('succeeded', 'failed', 'cancelled')) AS finished,
       (SELECT count(*) FROM chaos.moved WHERE status = 'waiting' AND stop_reason = 'outcome_unknown') AS parked,
       (SELECT count(*) FROM runs_effect WHERE decided_by_kind <> '') AS decided,
       (SELECT count(*) FROM runs_run WHERE status = 'failed' AND stop_reason = 'poison') AS poison,
       (SELECT count(*) FROM runs_run WHERE status = 'cancelled') AS cancelled,
       (SELECT count(*) FROM chaos.refused) AS zombie_writes_refused,
       (SELECT count(*) FROM runs_effect WHERE late_result IS NOT NULL) AS late_results,
       (SELECT coalesce(sum(calls - 1), 0)::int FROM (
            SELECT count(*) AS calls FROM model_call WHERE status = 200 GROUP BY case_id, turn
        ) AS place) AS repeated_model_calls,
       (SELECT coalesce(sum(calls - 1), 0)::int FROM (
            SELECT count(*) AS calls FROM tool_call WHERE tool = 'charge' GROUP BY case_id, turn, call
        ) AS place) AS doubled_unsafe,
       (SELECT count(*) FROM death WHERE code = -9 AND name LIKE 'runs%') AS kills,
       (SELECT count(DISTINCT name) FROM death WHERE name LIKE 'runs%') AS workers_killed,
       (SELECT coalesce(sum(input_tokens + output_tokens), 0)::int FROM answered) AS tokens_billed,
       (SELECT coalesce(sum(input_tokens + output_tokens), 0)::int FROM runs_run) AS tokens_recorded,
       (SELECT count(*) FROM runs_run WHERE lease_epoch > 1) AS resumed_runs;

-- times: of each run that a killed worker held, seconds from the kill to its release and to its next start
WITH held AS (
    SELECT run_id, worker_id, at, status, lead(at) OVER move AS next_at, lead(status) OVER move AS next_status,
           lead(at, 2) OVER move AS after_at, lead(status, 2) OVER move AS after_status
    FROM chaos.moved WINDOW move AS (PARTITION BY run_id ORDER BY n)
)
SELECT extract(epoch FROM held.next_at - death.at)::float8 AS detect,
       CASE WHEN held.after_status = 'running' THEN extract(epoch FROM held.after_at - death.at)::float8 END AS resume
FROM death JOIN chaos.worker AS worker ON worker.pid = death.pid AND worker.at < death.at
JOIN held ON held.worker_id = worker.id AND held.status = 'running' AND held.at < death.at
         AND coalesce(held.next_at, 'infinity') > death.at
WHERE death.code = -9 AND held.next_at IS NOT NULL;

-- cancels: seconds from the request to the end of a run that was running
SELECT extract(epoch FROM finished_at - cancel_requested_at)::float8 AS seconds FROM runs_run
WHERE cancel_requested_at IS NOT NULL AND finished_at IS NOT NULL;
