"""The SQL of caps: their rows, who sits in them, and how a place that nobody gave back is found."""

from typing import Final

STOP_CLAIMS: Final = "LOCK TABLE runs_slot IN SHARE ROW EXCLUSIVE MODE"
"""Waits for the claims and ends of runs that are under way, and lets none begin until the transaction is over.

Each of them writes this table in one statement, which takes its snapshot behind this lock: it sees the new cap, and
what it did before is seen here.
"""

CLEAR_BEYOND: Final = "DELETE FROM runs_slot WHERE cap_id = %(cap)s AND n > %(slots)s"

ADD_PLACES: Final = """
INSERT INTO runs_slot (cap_id, n) SELECT %(cap)s, n FROM generate_series(1, %(slots)s) AS n
ON CONFLICT (cap_id, n) DO NOTHING"""

SEAT: Final = """
WITH standing AS (
    SELECT id AS run_id, row_number() OVER (ORDER BY id) AS k FROM runs_run
    WHERE workspace_id = %(workspace)s AND status = 'running'
      AND %(subject)s::uuid IN (workspace_id, agent_id, api_key_id)
      AND NOT EXISTS (SELECT FROM runs_slot WHERE cap_id = %(cap)s AND run_id = runs_run.id)
), free AS (
    SELECT id, row_number() OVER (ORDER BY n) AS k FROM runs_slot WHERE cap_id = %(cap)s AND run_id IS NULL
), seated AS (
    UPDATE runs_slot SET run_id = standing.run_id FROM standing JOIN free USING (k) WHERE runs_slot.id = free.id
)
INSERT INTO runs_slot (cap_id, n, run_id)
SELECT %(cap)s, %(slots)s + k - (SELECT count(*) FROM free), run_id FROM standing
WHERE k > (SELECT count(*) FROM free)"""
"""Every running run of the subject gets a place; those that find none get one beyond the cap, until they end."""

HEAL: Final = """
WITH stale AS (
    SELECT id, run_id FROM runs_slot
    WHERE run_id IS NOT NULL
      AND (SELECT status FROM runs_run WHERE runs_run.id = runs_slot.run_id) IS DISTINCT FROM 'running'
    LIMIT 500
)
UPDATE runs_slot SET run_id = NULL FROM stale WHERE runs_slot.id = stale.id AND runs_slot.run_id = stale.run_id
RETURNING cap_id, stale.run_id"""
"""A look at each taken place, by its run's id: as a join, the planner might walk all runs for it."""

CLEAR_SPARE: Final = """
DELETE FROM runs_slot USING runs_cap
WHERE runs_cap.id = runs_slot.cap_id AND runs_slot.n > runs_cap.slots AND runs_slot.run_id IS NULL"""
"""Places beyond a cap whose runs have ended."""
