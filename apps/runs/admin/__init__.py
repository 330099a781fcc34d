"""The admin of runs: lists that stay fast, a page that shows what a run did and does, actions that call services."""

from apps.runs.admin.records import EffectAdmin, WorkerProcessAdmin
from apps.runs.admin.run import RunAdmin
from apps.runs.admin.thread import ThreadAdmin

__all__ = ["EffectAdmin", "RunAdmin", "ThreadAdmin", "WorkerProcessAdmin"]
