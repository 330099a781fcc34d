-- figures: counts of the arm
SELECT (SELECT count(*) FROM accepted) AS accepted,
       (SELECT count(*) FROM accepted WHERE EXISTS (
            SELECT FROM control_result WHERE task = accepted.run_id)) AS finished,
       0 AS parked, 0 AS decided, 0 AS poison, 0 AS cancelled, 0 AS zombie_writes_refused, 0 AS late_results,
       (SELECT coalesce(sum(calls - 1), 0)::int FROM (
            SELECT count(*) AS calls FROM model_call WHERE status = 200 GROUP BY case_id, turn
        ) AS place) AS repeated_model_calls,
       (SELECT coalesce(sum(calls - 1), 0)::int FROM (
            SELECT count(*) AS calls FROM tool_call WHERE tool = 'charge' GROUP BY case_id, turn, call
        ) AS place) AS doubled_unsafe,
       (SELECT count(*) FROM death WHERE code = -9 AND name LIKE 'runs%') AS kills,
       (SELECT count(DISTINCT name) FROM death WHERE name LIKE 'runs%') AS workers_killed,
       (SELECT coalesce(sum(input_tokens + output_tokens), 0)::int FROM answered) AS tokens_billed,
       0 AS tokens_recorded,
       (SELECT count(*) FROM (SELECT FROM model_call GROUP BY case_id HAVING count(DISTINCT pid) > 1) AS moved)
           AS resumed_runs;

-- times: of each case that a killed worker was at, seconds from the kill to its next call from another process
WITH call AS (
    SELECT case_id, pid, at FROM model_call UNION ALL SELECT case_id, pid, at FROM tool_call
), held AS (
    SELECT DISTINCT ON (death.pid, death.at, call.case_id) death.at AS died, death.pid AS dead, call.case_id, call.pid
    FROM death JOIN call ON call.at < death.at
    WHERE death.code = -9 AND death.name LIKE 'runs%' ORDER BY death.pid, death.at, call.case_id, call.at DESC
)
SELECT NULL::float8 AS detect, extract(epoch FROM (
    SELECT min(at) FROM call WHERE call.case_id = held.case_id AND call.at > held.died
) - held.died)::float8 AS resume
FROM held JOIN accepted USING (case_id)
WHERE held.pid = held.dead
  AND NOT EXISTS (SELECT FROM control_result AS r WHERE r.task = accepted.run_id AND r.at < held.died);

-- cancels: the control arm has none
SELECT NULL::float8 AS seconds WHERE false;
