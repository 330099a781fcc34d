"""The SQL of retention: which finished runs nobody needs any more.

A run is needed while it has not been announced, while nobody has decided about a call of it whose outcome is unknown,
while its thread has a run that is active or young, while its parent, a child or a run of its batch is active, and while
a rerun refers to it. Ids begin with their time, so a walk from the first one on meets the oldest runs first and leaves
behind only what is needed.
"""

from typing import Final

_CUTOFF: Final = "now() - make_interval(days => %(days)s)"

_ENDED: Final = f"""
    run.workspace_id = %(workspace)s AND run.id > %(after)s AND run.id < %(before)s
    AND run.status IN ('succeeded', 'failed', 'cancelled') AND run.finished_at < {_CUTOFF}
    AND run.announced_at IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM runs_run AS talk WHERE talk.thread_id = run.thread_id
          AND (talk.finished_at IS NULL OR talk.finished_at >= {_CUTOFF})
    )
    AND NOT EXISTS (SELECT FROM runs_run AS child WHERE child.parent_id = run.id AND child.finished_at IS NULL)
    AND NOT EXISTS (SELECT FROM runs_run AS parent WHERE parent.id = run.parent_id AND parent.finished_at IS NULL)
    AND NOT EXISTS (SELECT FROM runs_run AS other WHERE other.batch_id = run.batch_id AND other.finished_at IS NULL)
    AND NOT EXISTS (SELECT FROM runs_wait AS wait WHERE wait.run_id = run.id AND wait.state = 'open')
    AND NOT EXISTS (
        SELECT FROM runs_effect AS effect
        WHERE effect.run_id = run.id AND effect.state = 'outcome_unknown' AND effect.settled_at IS NULL
    )"""

_UNCOPIED: Final = "AND NOT EXISTS (SELECT FROM runs_run AS rerun WHERE rerun.rerun_of_id = run.id)"

_UNCOPIED_LATELY: Final = f"""AND NOT EXISTS (
        SELECT FROM runs_run AS rerun WHERE rerun.rerun_of_id = run.id
          AND (rerun.finished_at IS NULL OR rerun.finished_at >= {_CUTOFF})
    )"""

_OLD_RUNS: Final = f"FROM runs_run AS run WHERE {_ENDED} {_UNCOPIED}"
_OLD_PAYLOADS: Final = f"FROM runs_run AS run WHERE run.payloads_removed_at IS NULL AND {_ENDED} {_UNCOPIED_LATELY}"

_BATCH: Final = "SELECT run.id, run.step_count {due} ORDER BY run.id LIMIT %(limit)s FOR UPDATE OF run SKIP LOCKED"
_COUNT: Final = "SELECT count(*) {due}"

OLD_RUNS: Final = _BATCH.format(due=_OLD_RUNS)
OLD_PAYLOADS: Final = _BATCH.format(due=_OLD_PAYLOADS)
"""The next runs, locked: one that is resumed or rerun at the same moment is passed over, or found to be gone."""

COUNT_RUNS: Final = _COUNT.format(due=_OLD_RUNS)
COUNT_PAYLOADS: Final = _COUNT.format(due=_OLD_PAYLOADS)
