"""How much the workers could take at this moment."""

from django.db.models.functions import Now

from apps.runs.models import WorkerProcess


def free_slots() -> int:
    """Places in live worker processes that no run has taken, as of their last heartbeat."""
    live = WorkerProcess.objects.filter(expires_at__gt=Now(), draining=False)
    return sum(max(slots - running, 0) for slots, running in live.values_list("slots", "running"))
