"""Addresses of this app under `/api/v1/`."""

from rest_framework.routers import SimpleRouter

from apps.contexts.api.document_views import DocumentViewSet, IngestJobViewSet
from apps.contexts.api.history_views import CommitViewSet, EntryViewSet, LabelViewSet, VersionViewSet
from apps.contexts.api.tree_views import ContextViewSet

_CONTEXT = r"contexts/(?P<context_id>[^/]+)"

router = SimpleRouter(trailing_slash=False)
router.register(rf"{_CONTEXT}/entries", EntryViewSet, basename="context_entries")
router.register(rf"{_CONTEXT}/commits", CommitViewSet, basename="context_commits")
router.register(rf"{_CONTEXT}/versions", VersionViewSet, basename="context_versions")
router.register(rf"{_CONTEXT}/labels", LabelViewSet, basename="context_labels")
router.register("contexts", ContextViewSet, basename="contexts")
router.register("documents", DocumentViewSet, basename="documents")
router.register("ingest-jobs", IngestJobViewSet, basename="ingest_jobs")

urlpatterns = router.urls
