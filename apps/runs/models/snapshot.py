"""Where a long run goes on without replaying all of its steps."""

from django.db import models

from apps.runs.models.references import reference_index
from apps.runs.models.run import Run


class Snapshot(models.Model):
    """A stretch of a run's conversation, up to the request of a model step; inserted with that step, never changed.

    A resume reads all of them in order and replays only the steps after `n`. `run_step` is the loop's step whose model
    was asked, `model_calls` how many had been asked before. `data` is a payload: the messages since the last snapshot,
    and what else the loop needs to go on.
    """

    pk = models.CompositePrimaryKey("run_id", "n")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="snapshots", db_index=False)
    n = models.IntegerField()
    run_step = models.IntegerField()
    model_calls = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ["run_id", "n"]
        indexes = [reference_index("data", "snapshot_data_apart")]

    def __str__(self) -> str:
        return f"{self.run_id} after step {self.n}"
