"""The admin of runs: lists that stay fast, a page that shows what a run did and does, actions that call services."""

from apps.runs.admin.batch import BatchAdmin
from apps.runs.admin.budget import BudgetAdmin
from apps.runs.admin.cap import CapAdmin
from apps.runs.admin.records import EffectAdmin, WorkerProcessAdmin
from apps.runs.admin.retention import RetentionAdmin
from apps.runs.admin.run import RunAdmin
from apps.runs.admin.schedule import ScheduleAdmin
from apps.runs.admin.thread import ThreadAdmin
from apps.runs.admin.wait_views import WaitAdmin

__all__ = [
    "BatchAdmin",
    "BudgetAdmin",
    "CapAdmin",
    "EffectAdmin",
    "RetentionAdmin",
    "RunAdmin",
    "ScheduleAdmin",
    "ThreadAdmin",
    "WaitAdmin",
    "WorkerProcessAdmin",
]
