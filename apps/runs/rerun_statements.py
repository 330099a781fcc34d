"""The SQL that gives a rerun what its original had recorded."""

from typing import Final

REUSE_STEPS: Final = """
INSERT INTO runs_step (run_id, n, key, kind, name, tool_call_id, epoch, digest, request, result, manifest, error_code,
                       started_at, finished_at, first_token_ms, input_tokens, output_tokens, cost_usd)
SELECT %(target)s, n, key, kind, name, tool_call_id, 0, digest, request, result, manifest, error_code,
       started_at, finished_at, first_token_ms, 0, 0, 0
FROM runs_step WHERE run_id = %(source)s AND n < %(before)s"""
"""Epoch 0 says that no worker of the rerun recorded them, and nothing was spent on them again."""

REUSE_SNAPSHOTS: Final = """
INSERT INTO runs_snapshot (run_id, n, run_step, model_calls, data)
SELECT %(target)s, n, run_step, model_calls, data FROM runs_snapshot
WHERE run_id = %(source)s AND n < %(before)s"""
