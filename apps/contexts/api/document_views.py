"""Documents and the jobs that ingest them over REST."""

import uuid
from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.accounts.scoping import get_visible
from apps.contexts.api.document_serializers import (
    DocumentFileSerializer,
    DocumentSerializer,
    DocumentUploadSerializer,
    IngestItemSerializer,
    IngestJobSerializer,
    NewDocumentSerializer,
    NewIngestJobSerializer,
    PassageSerializer,
    UploadedSerializer,
    WindowSerializer,
)
from apps.contexts.documents.selectors import document_text
from apps.contexts.documents.services import delete_document, ingest
from apps.contexts.documents.values import Upload
from apps.contexts.models import Document, IngestJob
from apps.contexts.selectors import context_by_id
from apps.contexts.states import DocumentState, ItemState, JobState
from apps.core.parsers import StrictJSONParser


class DocumentFilter(filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Narrows a list of documents."""

    context_id = filters.UUIDFilter()
    state = filters.ChoiceFilter(choices=DocumentState.choices)
    name = filters.CharFilter()


@extend_schema_view(
    list=extend_schema(summary="List documents, the newest first"),
    retrieve=extend_schema(summary="Read what is known of a document, without its text"),
)
class DocumentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceViewSet):
    """Texts that agents can search."""

    permissions = {
        "list": Permission.DOCUMENTS_READ,
        "retrieve": Permission.DOCUMENTS_READ,
        "create": Permission.DOCUMENTS_WRITE,
        "destroy": Permission.DOCUMENTS_WRITE,
        "text": Permission.DOCUMENTS_READ,
    }
    parser_classes = [StrictJSONParser, MultiPartParser]
    serializer_class = DocumentSerializer
    queryset = Document.objects.all()
    filterset_class = DocumentFilter

    @extend_schema(
        summary="Bring in one document, as text or as a file",
        request={"application/json": DocumentUploadSerializer, "multipart/form-data": DocumentFileSerializer},
        responses={202: UploadedSerializer},
    )
    def create(self, request: Request) -> Response:
        context_id, upload = _upload(request)
        job = ingest(context_by_id(self.principal.workspace_id, context_id), [upload])
        item = job.items.select_related("document").get()
        answer = UploadedSerializer({"document": item.document, "job": job}).data
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers=_location(request, job))

    @extend_schema(summary="Delete a document; references into it lead nowhere then", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        delete_document(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Read characters of a document's text",
        parameters=[WindowSerializer],
        responses=PassageSerializer,
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def text(self, request: Request, **kwargs: Any) -> Response:
        window = WindowSerializer(data=request.query_params.dict())
        window.is_valid(raise_exception=True)
        start, end = window.validated_data["start"], window.validated_data.get("end")
        passage = document_text(self.principal.workspace_id, self.get_object(), start=start, end=end)
        return Response(PassageSerializer(passage).data)


class IngestJobFilter(filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Narrows a list of jobs."""

    context_id = filters.UUIDFilter()
    state = filters.ChoiceFilter(choices=JobState.choices)


class IngestItemFilter(filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Narrows the documents of a job."""

    state = filters.ChoiceFilter(choices=ItemState.choices)


@extend_schema_view(
    list=extend_schema(summary="List ingest jobs, the newest first"),
    retrieve=extend_schema(summary="Read how far a job is"),
)
class IngestJobViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceViewSet):
    """Documents on their way to being searchable."""

    permissions = {
        "list": Permission.DOCUMENTS_READ,
        "retrieve": Permission.DOCUMENTS_READ,
        "create": Permission.DOCUMENTS_WRITE,
        "items": Permission.DOCUMENTS_READ,
    }
    serializer_class = IngestJobSerializer
    queryset = IngestJob.objects.all()
    filterset_class = IngestJobFilter

    @extend_schema(
        summary="Bring in documents as batch work",
        request=NewIngestJobSerializer,
        responses={202: IngestJobSerializer},
    )
    def create(self, request: Request) -> Response:
        body = NewIngestJobSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        context = context_by_id(self.principal.workspace_id, body.validated_data["context_id"])
        job = ingest(context, [NewDocumentSerializer.upload(value) for value in body.validated_data["documents"]])
        return Response(IngestJobSerializer(job).data, status=status.HTTP_202_ACCEPTED, headers=_location(request, job))

    @extend_schema(summary="List the documents of a job", responses=IngestItemSerializer(many=True))
    @action(detail=True, filterset_class=IngestItemFilter)
    def items(self, request: Request, **kwargs: Any) -> Response:
        job = get_visible(IngestJob, self.principal, pk=kwargs["pk"])
        rows = job.items.select_related("document")
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(IngestItemSerializer(page, many=True).data)


def _upload(request: Request) -> tuple[uuid.UUID, Upload]:
    if request.content_type.startswith("multipart/"):
        form = DocumentFileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return form.validated_data["context_id"], form.to_upload()
    body = DocumentUploadSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    return body.validated_data["context_id"], body.upload(body.validated_data)


def _location(request: Request, job: IngestJob) -> dict[str, str]:
    """Where to see how far it is."""
    return {"Location": request.build_absolute_uri(f"/api/v1/ingest-jobs/{job.id}")}
