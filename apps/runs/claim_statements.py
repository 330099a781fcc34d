"""Which run is next: the SQL of the claim, up to the row that it takes."""

from typing import Final

_RUNNABLE: Final = "status = 'queued' AND NOT held AND NOT quarantined"

NEXT_RUN: Final = f"""
WITH RECURSIVE turn (lap, workspace_id) AS (
    SELECT -1, %(after)s::uuid
    UNION ALL
    SELECT following.lap, following.workspace_id FROM turn CROSS JOIN LATERAL (
        (SELECT greatest(turn.lap, 0) AS lap, workspace_id FROM runs_run
         WHERE {_RUNNABLE} AND workspace_id > turn.workspace_id AND workspace_id <= CASE
             WHEN turn.lap < 1 THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid ELSE %(after)s::uuid END
         ORDER BY workspace_id, agent_id, api_key_id, id LIMIT 1)
        UNION ALL
        SELECT 1, '00000000-0000-0000-0000-000000000000'::uuid WHERE turn.lap < 1
        ORDER BY lap LIMIT 1
    ) AS following
), chosen AS (
    SELECT head.id, places.slots FROM turn CROSS JOIN LATERAL (
        WITH RECURSIVE lane (agent_id, api_key_id, id) AS (
            (SELECT agent_id, api_key_id, id FROM runs_run
             WHERE {_RUNNABLE} AND workspace_id = turn.workspace_id
             ORDER BY agent_id, api_key_id, id LIMIT 1)
            UNION ALL
            SELECT following.* FROM lane CROSS JOIN LATERAL (
                SELECT agent_id, api_key_id, id FROM runs_run
                WHERE {_RUNNABLE} AND workspace_id = turn.workspace_id
                  AND (agent_id, api_key_id) > (lane.agent_id, lane.api_key_id)
                ORDER BY agent_id, api_key_id, id LIMIT 1
            ) AS following
        )
        SELECT agent_id, api_key_id FROM lane ORDER BY id
    ) AS lane CROSS JOIN LATERAL (
        SELECT array_agg(place.id) AS slots, count(*) = count(place.id) AS have_room
        FROM runs_cap AS cap CROSS JOIN LATERAL (
            SELECT count(*) AS runs FROM runs_slot
            WHERE cap_id = cap.id AND n > cap.slots AND run_id IS NOT NULL
        ) AS surplus LEFT JOIN LATERAL (
            SELECT id FROM (
                SELECT id FROM runs_slot WHERE cap_id = cap.id AND run_id IS NULL AND n <= cap.slots
                ORDER BY n LIMIT 1 + surplus.runs FOR UPDATE SKIP LOCKED
            ) AS free OFFSET surplus.runs
        ) AS place ON true
        WHERE cap.workspace_id = turn.workspace_id
          AND cap.subject_id IN (turn.workspace_id, lane.agent_id, lane.api_key_id)
    ) AS places CROSS JOIN LATERAL (
        SELECT id FROM runs_run
        WHERE {_RUNNABLE} AND workspace_id = turn.workspace_id
          AND (agent_id, api_key_id) >= (lane.agent_id, lane.api_key_id)
          AND (agent_id, api_key_id) <= (lane.agent_id, lane.api_key_id)
        ORDER BY agent_id, api_key_id, id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS head
    WHERE turn.lap >= 0 AND places.have_room
      AND EXISTS (SELECT FROM runs_workerprocess WHERE id = %(worker)s AND expires_at > now())
    LIMIT 1
), taken AS (
    UPDATE runs_slot SET run_id = chosen.id FROM chosen WHERE runs_slot.id = ANY(chosen.slots)
)"""
"""Round robin over workspaces, beginning behind `after`, the one served last; then once more from the first one on.

In a workspace: of the lanes (agent and API key) whose caps have room the one with the oldest run. Each workspace and
each lane costs an index probe or two, however many runs wait in it, and nothing is read behind the one that is taken.

A cap is enforced by its rows: whoever locks a free one has it, so that racing claims cannot pass it. While runs hold
places beyond a cap that was lowered, as many of the free ones must be locked besides.

Each read is in the order of the index of runnable runs, column by column. None gives that order but this index, so the
planner does not walk finished runs in another one, whatever the statistics say of how many are queued.
"""

WAITING: Final = f"""
WITH front AS (
    SELECT *, row_number() OVER (PARTITION BY workspace_id, agent_id, api_key_id ORDER BY id) AS position FROM (
        SELECT id, workspace_id, agent_id, api_key_id FROM runs_run WHERE {_RUNNABLE}
        ORDER BY workspace_id, agent_id, api_key_id, id LIMIT %(looked_at)s
    ) AS queued
), lane AS (
    SELECT workspace_id, agent_id, api_key_id, (
        SELECT min((
            SELECT count(*) FROM runs_slot WHERE cap_id = cap.id AND run_id IS NULL AND n <= cap.slots
        )) FROM runs_cap AS cap
        WHERE cap.workspace_id = front.workspace_id
          AND cap.subject_id IN (front.workspace_id, front.agent_id, front.api_key_id)
    ) AS room
    FROM front WHERE position = 1
)
SELECT id FROM front JOIN lane USING (workspace_id, agent_id, api_key_id)
WHERE room IS NULL OR position <= room ORDER BY position LIMIT %(free)s"""
"""Runs for which a bell is not in vain, in no order that matters: a bell names a run, and a claim takes the fairest."""
