"""Addresses of this app under `/api/v1/`."""

from rest_framework.routers import SimpleRouter

from apps.tools.api.views import ToolViewSet

router = SimpleRouter(trailing_slash=False)
router.register("tools", ToolViewSet, basename="tools")

urlpatterns = router.urls
