"""Addresses of runs and threads."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.runs.api.batches import BatchViewSet, BulkViewSet, NewBatchViewSet
from apps.runs.api.budget import BudgetViewSet
from apps.runs.api.caps import CapViewSet
from apps.runs.api.effects import EffectViewSet
from apps.runs.api.retention import RetentionViewSet
from apps.runs.api.schedules import ScheduleViewSet
from apps.runs.api.views import RunViewSet, ThreadViewSet
from apps.runs.api.waits import EventViewSet, WaitViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("runs", RunViewSet, basename="runs")
router.register("runs/<uuid:run_id>/effects", EffectViewSet, basename="effects")
router.register("batches", BatchViewSet, basename="batches")
router.register("caps", CapViewSet, basename="caps")
router.register("schedules", ScheduleViewSet, basename="schedules")
router.register("threads", ThreadViewSet, basename="threads")
router.register("waits", WaitViewSet, basename="waits")

budget = BudgetViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})

retention = RetentionViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})

retention_preview = RetentionViewSet.as_view({"get": "preview"})

events = EventViewSet.as_view({"post": "resolve"})

batch = NewBatchViewSet.as_view({"post": "create"}, basename="batches")

cancel_many = BulkViewSet.as_view({"post": "cancel_many"}, basename="runs")

urlpatterns = [
    path("runs/batch", batch, name="runs-batch"),
    path("runs/cancel", cancel_many, name="runs-cancel-many"),
    *router.urls,
    path("budget", budget, name="budget"),
    path("retention", retention, name="retention"),
    path("retention/preview", retention_preview, name="retention-preview"),
    path("events/<str:token>", events, name="events"),
]
