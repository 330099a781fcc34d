"""Addresses of runs and threads."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.runs.api.budget import BudgetViewSet
from apps.runs.api.caps import CapViewSet
from apps.runs.api.effects import EffectViewSet
from apps.runs.api.views import RunViewSet, ThreadViewSet
from apps.runs.api.waits import EventViewSet, WaitViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("runs", RunViewSet, basename="runs")
router.register("runs/<uuid:run_id>/effects", EffectViewSet, basename="effects")
router.register("caps", CapViewSet, basename="caps")
router.register("threads", ThreadViewSet, basename="threads")
router.register("waits", WaitViewSet, basename="waits")

budget = BudgetViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})

events = EventViewSet.as_view({"post": "resolve"})

urlpatterns = [
    *router.urls,
    path("budget", budget, name="budget"),
    path("events/<str:token>", events, name="events"),
]
