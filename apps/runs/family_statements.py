"""The SQL of runs that start others. Who walks down looks children up one by one: the table may be large."""

from typing import Final

FIRST_ANCESTOR: Final = """
WITH RECURSIVE above AS (
    SELECT id, parent_id, 0 AS depth FROM runs_run WHERE id = %(run)s
    UNION ALL
    SELECT run.id, run.parent_id, above.depth + 1
    FROM above, LATERAL (SELECT id, parent_id FROM runs_run WHERE id = above.parent_id OFFSET 0) AS run
)
SELECT id, depth FROM above ORDER BY depth DESC LIMIT 1"""

HOLD_FAMILY: Final = "SELECT pg_advisory_xact_lock(hashtextextended('runs.family:' || %(first)s, 0))"
"""So that a tree is counted by one at a time. Taken after the lock of the parent's row, and nowhere else."""

BELOW: Final = """
    SELECT run.id
    FROM family, LATERAL (SELECT id FROM runs_run WHERE parent_id = family.id OFFSET 0) AS run"""

SIZE: Final = f"""
WITH RECURSIVE family AS (
    SELECT %(first)s::uuid AS id
    UNION ALL{BELOW}
)
SELECT count(*) FROM (SELECT FROM family LIMIT %(most)s) AS counted"""
"""How many runs there are in the tree of the first one, itself among them; it stops counting at `most`."""

OPEN_ACCOUNT: Final = f"""
WITH RECURSIVE family AS (
    SELECT %(run)s::uuid AS id
    UNION ALL{BELOW}
), spent AS (
    SELECT count(*) AS runs, sum(input_tokens + output_tokens) AS tokens, sum(cost_usd) AS usd
    FROM family JOIN runs_run USING (id)
), opened AS (
    INSERT INTO runs_account (id, workspace_id, subject_id, month, token_limit, usd_limit, tokens_spent, usd_spent,
                              tokens_reserved, usd_reserved)
    SELECT %(id)s, %(workspace)s, %(run)s, NULL, %(tokens)s::bigint, %(usd)s::numeric, tokens, usd, 0, 0
    FROM spent WHERE runs > 1
    RETURNING id
)
UPDATE runs_run AS run SET account_ids = account_ids || opened.id
FROM opened, family WHERE run.id = family.id"""
"""The account of a run that has started others and gets ceilings: it begins with what all of them have spent.

A run without others needs none.
"""
