-- lost: accepted, and no result
SELECT accepted.case_id FROM accepted WHERE NOT EXISTS (SELECT FROM control_result WHERE task = accepted.run_id);

-- unsafe effect doubled: the server was asked twice
SELECT case_id, turn, call, count(*) FROM tool_call WHERE tool = 'charge' GROUP BY 1, 2, 3 HAVING count(*) > 1;

-- idempotent effect doubled: two keys for one call, or two effects of one key
SELECT case_id, turn, call, count(DISTINCT key), count(*) FILTER (WHERE fresh) FROM tool_call
WHERE tool = 'reserve' GROUP BY 1, 2, 3 HAVING count(DISTINCT key) > 1 OR count(*) FILTER (WHERE fresh) <> 1;

-- answered twice: one case, two results
SELECT task, count(*) FROM control_result GROUP BY 1 HAVING count(*) > 1;
