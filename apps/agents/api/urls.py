"""Addresses of this app under `/api/v1/`."""

from rest_framework.routers import SimpleRouter

from apps.agents.api.views import AgentViewSet

router = SimpleRouter(trailing_slash=False)
router.register("agents", AgentViewSet, basename="agents")

urlpatterns = router.urls
