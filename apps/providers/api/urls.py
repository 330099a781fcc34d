"""Addresses of this app under `/api/v1/`."""

from django.urls import URLPattern, URLResolver
from rest_framework.routers import SimpleRouter

from apps.providers.api.language_models import EmbeddingModelViewSet, LanguageModelViewSet
from apps.providers.api.providers import ProviderViewSet

router = SimpleRouter(trailing_slash=False)
router.register("providers", ProviderViewSet, basename="providers")
router.register("models", LanguageModelViewSet, basename="models")
router.register("embedding-models", EmbeddingModelViewSet, basename="embedding-models")

urlpatterns: list[URLPattern | URLResolver] = router.urls
