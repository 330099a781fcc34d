"""Addresses of runs and threads."""

from rest_framework.routers import SimpleRouter

from apps.runs.api.views import RunViewSet, ThreadViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("runs", RunViewSet, basename="runs")
router.register("threads", ThreadViewSet, basename="threads")

urlpatterns = router.urls
