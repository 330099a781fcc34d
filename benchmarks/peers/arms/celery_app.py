"""Raw Celery: a task that does nothing. No agent, no journal: what a message and its result through Redis cost."""

import os

from celery import Celery

app = Celery("peer", broker=os.environ["PEER_REDIS_URL"], backend=os.environ["PEER_REDIS_URL"])


@app.task
def nothing() -> str:
    """Gives the answer at once."""
    return "42"
