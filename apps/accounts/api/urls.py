"""Addresses of this app under `/api/v1/`."""

from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from apps.accounts.api import schema as schema  # describes our credentials to the OpenAPI document
from apps.accounts.api.api_keys import ApiKeyViewSet
from apps.accounts.api.me import MeViewSet
from apps.accounts.api.members import MemberViewSet
from apps.accounts.api.platform import PlatformViewSet
from apps.accounts.api.service_accounts import ServiceAccountViewSet
from apps.accounts.api.workspaces import WorkspacesViewSet

router = SimpleRouter(trailing_slash=False)
router.register("workspaces", WorkspacesViewSet, basename="workspaces")
router.register("members", MemberViewSet, basename="members")
router.register("service-accounts", ServiceAccountViewSet, basename="service-accounts")
router.register("api-keys", ApiKeyViewSet, basename="api-keys")
router.register("platform", PlatformViewSet, basename="platform")

urlpatterns: list[URLPattern | URLResolver] = [
    path("me", MeViewSet.as_view({"get": "show"}, basename="me"), name="me"),
    path("platform", PlatformViewSet.as_view({"get": "show"}, basename="platform"), name="platform"),
    *router.urls,
]
