-- The ledgers as tables of the checker's own session.
CREATE TEMP TABLE accepted (case_id text, run_id uuid, at timestamptz);
CREATE TEMP TABLE model_call (
    call text, case_id text, turn int, status int, pid int, saw text[], at timestamptz
);
CREATE TEMP TABLE answered (call text, case_id text, turn int, input_tokens int, output_tokens int, at timestamptz);
CREATE TEMP TABLE tool_call (
    tool text, case_id text, turn int, call int, run text, step text, pid int, key text, receipt text, fresh boolean,
    at timestamptz
);
CREATE TEMP TABLE death (name text, pid int, code int, at timestamptz);

-- A payload as JSON; NULL of one that the row keeps compressed, or elsewhere.
CREATE FUNCTION pg_temp.readable(payload bytea) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN get_byte(payload, 0) > 3 THEN convert_from(payload, 'UTF8')::jsonb END
$$;
