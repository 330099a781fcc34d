"""The SQL of budgets. Accounts are always locked in the order of their ids."""

from typing import Final

OPEN_MONTH: Final = """
INSERT INTO runs_account (id, workspace_id, subject_id, month, token_limit, usd_limit, tokens_spent, usd_spent,
                          tokens_reserved, usd_reserved)
SELECT %(id)s, workspace_id, workspace_id, date_trunc('month', now() AT TIME ZONE 'UTC')::date, token_limit, usd_limit,
       0, 0, 0, 0
FROM runs_budget WHERE workspace_id = %(workspace)s
ON CONFLICT (subject_id, month) DO NOTHING"""
"""The workspace's account of this month, when it has a budget and the month is new."""

LOCK_ACCOUNTS: Final = """
SELECT id, token_limit - tokens_spent - tokens_reserved AS tokens_left, usd_limit - usd_spent - usd_reserved AS usd_left
FROM runs_account
WHERE id = ANY(%(accounts)s::uuid[])
   OR (subject_id = %(workspace)s AND month = date_trunc('month', now() AT TIME ZONE 'UTC')::date)
ORDER BY id FOR UPDATE"""

RESERVE: Final = """
WITH reserved AS (
    UPDATE runs_account SET tokens_reserved = tokens_reserved + %(tokens)s, usd_reserved = usd_reserved + %(usd)s
    WHERE id = %(account)s
)
INSERT INTO runs_reservation (id, account_id, run_id, epoch, tokens, usd)
VALUES (%(id)s, %(account)s, %(run)s, %(epoch)s, %(tokens)s, %(usd)s)"""

SETTLED: Final = """, settled AS (
    DELETE FROM runs_reservation
    WHERE id = ANY(%(reservations)s::uuid[]) AND EXISTS (SELECT FROM fenced)
    RETURNING account_id, tokens, usd
), locked AS (
    SELECT id FROM runs_account WHERE id IN (SELECT account_id FROM settled) ORDER BY id FOR UPDATE
), booked AS (
    UPDATE runs_account AS account
    SET tokens_reserved = tokens_reserved - settled.tokens, usd_reserved = usd_reserved - settled.usd,
        tokens_spent = tokens_spent + %(input_tokens)s + %(output_tokens)s, usd_spent = usd_spent + %(cost_usd)s
    FROM settled JOIN locked ON locked.id = settled.account_id WHERE account.id = settled.account_id
)"""
"""Part of the statement that records a step: what was set aside for it becomes what it cost."""

GIVE_BACK: Final = """
WITH gone AS (
    DELETE FROM runs_reservation AS reservation
    WHERE NOT EXISTS (
        SELECT FROM runs_run
        WHERE id = reservation.run_id AND status = 'running' AND lease_epoch = reservation.epoch
    )
    RETURNING reservation.account_id, reservation.tokens, reservation.usd
), sums AS (
    SELECT account_id, sum(tokens) AS tokens, sum(usd) AS usd FROM gone GROUP BY account_id
), locked AS (
    SELECT id FROM runs_account WHERE id IN (SELECT account_id FROM sums) ORDER BY id FOR UPDATE
)
UPDATE runs_account AS account
SET tokens_reserved = tokens_reserved - sums.tokens, usd_reserved = usd_reserved - sums.usd
FROM sums JOIN locked ON locked.id = sums.account_id WHERE account.id = sums.account_id"""
"""Of calls whose run has left the process that made them, or was erased: nobody will settle these."""
