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
