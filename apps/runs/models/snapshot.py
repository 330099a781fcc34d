"""Where a long run goes on without replaying all of its steps."""

from django.db import models

from apps.runs.models.run import Run


class Snapshot(models.Model):
    """The conversation of a run up to a model step: a resume starts from it and replays only what came after.

    `run_step` is the loop's step at which it was taken, `n` the journal's last step that it holds.
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="snapshot")
    n = models.IntegerField()
    run_step = models.IntegerField()
    messages = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.run_id} at step {self.n}"
