"""Addresses of runs and threads."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.runs.api.budget import BudgetViewSet
from apps.runs.api.effects import EffectViewSet
from apps.runs.api.views import RunViewSet, ThreadViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("runs", RunViewSet, basename="runs")
router.register("runs/<uuid:run_id>/effects", EffectViewSet, basename="effects")
router.register("threads", ThreadViewSet, basename="threads")

budget = BudgetViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})

urlpatterns = [*router.urls, path("budget", budget, name="budget")]
