"""REST over many runs at once: batches, and cancelling by filter."""

from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.core.problems import MEDIA_TYPE
from apps.core.schema import ProblemSerializer
from apps.runs.api import batch_serializers as serializers
from apps.runs.api.requests import run_request, validated
from apps.runs.batches import batch_json, get_batch, progress_of
from apps.runs.models import Batch, Run
from apps.runs.selectors import RunFilter
from apps.runs.services import Origin, RunRequest
from apps.runs.services.batch import create_batch
from apps.runs.services.bulk_cancel import MAXIMUM, Cancelled, cancel_runs


class BatchViewSet(WorkspaceViewSet):
    """Many runs accepted together, and how far they are."""

    queryset = Batch.objects.all()
    serializer_class = serializers.BatchSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Permission.RUNS_READ,
        "retrieve": Permission.RUNS_READ,
        "cancel": Permission.RUNS_WRITE,
    }

    @extend_schema(responses=serializers.BatchSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The workspace's batches with their progress, the newest first."""
        page = self.paginate_queryset(self.get_queryset()) or []
        progress = progress_of(batch.id for batch in page)
        return self.get_paginated_response([batch_json(batch, progress[batch.id]) for batch in page])

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One batch with its progress; its runs are at `/runs?batch_id=`."""
        return Response(_shown(get_batch(self.principal.workspace_id, pk)))

    @extend_schema(request=None, responses={202: serializers.CancelledSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Cancel every run of the batch that has not ended."""
        get_batch(self.principal.workspace_id, pk)
        origin = Origin.of(self.principal, getattr(request, "request_id", ""))
        done = cancel_runs(self.principal.workspace_id, RunFilter(batch_id=pk), maximum=MAXIMUM, origin=origin)
        return Response(_counted(done), status=202)


class NewBatchViewSet(WorkspaceViewSet):
    """Submitting a batch, which is a way to submit runs."""

    queryset = Batch.objects.all()
    permissions: ClassVar = {"create": Permission.RUNS_WRITE}

    @extend_schema(
        request=serializers.BatchCreateSerializer,
        responses={
            202: serializers.BatchCreatedSerializer,
            (422, MEDIA_TYPE): OpenApiResponse(
                ProblemSerializer, "Something is wrong with some run; `errors` names every one, and none was accepted."
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Submit up to 1,000 runs: all of them or none. They are committed before the answer."""
        wanted = validated(serializers.BatchCreateSerializer, request)
        accepted = create_batch(
            self.principal.workspace_id,
            _requests(wanted),
            metadata=wanted.get("metadata"),
            origin=Origin.of(self.principal, getattr(request, "request_id", "")),
            pointing="/runs/{}{}".format if "runs" in wanted else _pointer_of_input,
        )
        shown = _shown(accepted.batch)
        created = shown | {"run_ids": accepted.run_ids}
        return Response(created, status=202, headers={"Location": shown["links"]["self"]})


class BulkViewSet(WorkspaceViewSet):
    """Acting on all runs that match a filter."""

    queryset = Run.objects.all()
    permissions: ClassVar = {"cancel_many": Permission.RUNS_WRITE}

    @extend_schema(
        request=serializers.CancelManySerializer, responses={202: serializers.CancelledSerializer}, filters=False
    )
    def cancel_many(self, request: Request) -> Response:
        """Cancel the unfinished runs that match, with the runs that they started; or only count them."""
        wanted = validated(serializers.CancelManySerializer, request)
        done = cancel_runs(
            self.principal.workspace_id,
            wanted["filter"],
            maximum=wanted["maximum"],
            dry_run=wanted["dry_run"],
            origin=Origin.of(self.principal, getattr(request, "request_id", "")),
        )
        return Response(_counted(done), status=202)


def _requests(wanted: dict[str, Any]) -> list[RunRequest]:
    if "runs" in wanted:
        return [run_request(run) for run in wanted["runs"]]
    shared = {name: wanted[name] for name in ("agent", "limits") if name in wanted}
    return [run_request(shared | item) for item in wanted["inputs"]]


def _pointer_of_input(n: int, pointer: str) -> str:
    """What all inputs share is wrong once."""
    return pointer if pointer.startswith(("/agent", "/limits")) else f"/inputs/{n}{pointer}"


def _shown(batch: Batch) -> dict[str, Any]:
    return batch_json(batch, progress_of([batch.id])[batch.id])


def _counted(done: Cancelled) -> dict[str, int]:
    return asdict(done) | {"remaining": done.remaining}
