"""REST over runs: each action checks the request's shape and calls one service or selector."""

from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponseRedirect
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.core.exceptions import Fault, InvalidInput
from apps.core.problems import MEDIA_TYPE
from apps.core.renderers import FastJSONRenderer
from apps.core.schema import ProblemSerializer
from apps.runs import selectors, services
from apps.runs.api import examples, serializers
from apps.runs.api.filters import PARAMETERS, read_filter
from apps.runs.api.requests import run_request, validated
from apps.runs.api.wait_serializers import RunWithRelativesSerializer, WholeRunSerializer
from apps.runs.comparing import compare_runs
from apps.runs.exceptions import RunNotFound
from apps.runs.manifests import step_context
from apps.runs.models import Run, Thread
from apps.runs.services.rerun import Changes
from apps.runs.tickets import issue_ticket
from apps.runs.waits import relatives

SSE = "text/event-stream"


class SeeOther(HttpResponseRedirect):
    """The answer is at another address, to be fetched with GET."""

    status_code = 303


class EventStreamRenderer(FastJSONRenderer):
    """Lets a client that accepts nothing but a stream in, to be sent to `live`, or to be told in JSON why not."""

    media_type = SSE
    format = "stream"


class RunViewSet(WorkspaceViewSet):
    """Submit agents' work, follow it, stop it, and read all that it left."""

    queryset = Run.objects.all()
    serializer_class = serializers.RunSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Permission.RUNS_READ,
        "retrieve": Permission.RUNS_READ,
        "steps": Permission.RUNS_READ,
        "step": Permission.RUNS_READ,
        "step_context": Permission.RUNS_READ,
        "events": Permission.RUNS_READ,
        "export": Permission.RUNS_READ,
        "create": Permission.RUNS_WRITE,
        "cancel": Permission.RUNS_WRITE,
        "resume": Permission.RUNS_WRITE,
        "rerun": Permission.RUNS_WRITE,
        "compare": Permission.RUNS_READ,
        "destroy": Permission.RUNS_WRITE,
    }

    @extend_schema(parameters=PARAMETERS, responses=serializers.RunSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The workspace's runs, the newest first, without payloads."""
        wanted = read_filter(request.query_params.dict())
        runs = self.get_queryset().filter(wanted.condition(self.principal.workspace_id))
        page = self.paginate_queryset(selectors.run_summaries(runs))
        return self.get_paginated_response([selectors.run_json(row) for row in page or []])

    @extend_schema(responses=RunWithRelativesSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One run with its input and output, what it waits for, and the runs that it started."""
        return Response(selectors.run_detail(self.principal.workspace_id, pk) | relatives(pk))

    @extend_schema(
        request=serializers.RunCreateSerializer,
        responses={
            202: serializers.RunDetailSerializer,
            303: OpenApiResponse(description="`wait` and `stream`: go to Location, on the `live` server."),
            (404, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, "There is no such agent, version or thread here."),
        },
    )
    def create(self, request: Request) -> Response | SeeOther:
        """Submit a run. It is committed before the answer, and no crash loses it."""
        wanted = validated(serializers.RunCreateSerializer, request)
        mode = wanted["mode"]
        run = services.create_run(self.principal.workspace_id, run_request(wanted), origin=self._origin())
        if mode != "background":
            return SeeOther(self._live(run.id, "wait" if mode == "wait" else "events"))
        detail = selectors.run_detail(self.principal.workspace_id, run.id)
        return Response(detail, status=202, headers={"Location": detail["links"]["self"]})

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Erase a finished run with all its rows. This does not cancel."""
        services.erase_run(self.principal.workspace_id, pk)
        return Response(status=204)

    @extend_schema(request=None, responses={202: serializers.RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Stop a run: at once while it is queued or waiting, else within five seconds."""
        services.cancel_run(self.principal.workspace_id, pk, origin=self._origin())
        return Response(selectors.run_detail(self.principal.workspace_id, pk), status=202)

    @extend_schema(request=serializers.ResumeSerializer, responses={202: serializers.RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: UUID) -> Response:
        """Let a failed run go on after its last recorded step."""
        limits = validated(serializers.ResumeSerializer, request).get("limits")
        services.resume_run(self.principal.workspace_id, pk, limits=limits)
        return Response(selectors.run_detail(self.principal.workspace_id, pk), status=202)

    @extend_schema(request=serializers.RerunSerializer, responses={202: serializers.RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def rerun(self, request: Request, pk: UUID) -> Response:
        """Run it again from a model call: what was recorded before is reused, the rest is run by a new run."""
        wanted = validated(serializers.RerunSerializer, request)
        from_step = wanted.pop("from_step")
        workspace_id = self.principal.workspace_id
        run = services.rerun(workspace_id, pk, from_step=from_step, changes=Changes(**wanted), origin=self._origin())
        detail = selectors.run_detail(workspace_id, run.id)
        return Response(detail, status=202, headers={"Location": detail["links"]["self"]})

    @extend_schema(
        parameters=[OpenApiParameter("with", {"type": "string", "format": "uuid"}, required=True)],
        responses=serializers.ComparisonSerializer,
    )
    @action(detail=True, methods=["get"])
    def compare(self, request: Request, pk: UUID) -> Response:
        """This run and another side by side: steps in pairs, where they first differ, usage and outputs."""
        return Response(compare_runs(self.principal.workspace_id, pk, _other(request)))

    @extend_schema(responses=serializers.StepSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def steps(self, request: Request, pk: UUID) -> Response:
        """The run's recorded steps in order, without payloads."""
        self._require(pk)
        self.ordering = "n"
        page = self.paginate_queryset(selectors.steps_of(pk))
        return self.get_paginated_response([selectors.step_json(row) for row in page or []])

    @extend_schema(responses=serializers.StepDetailSerializer)
    @action(detail=True, methods=["get"], url_path="steps/<int:n>", url_name="step")
    def step(self, request: Request, pk: UUID, n: int) -> Response:
        """One step with what it was asked and what it answered."""
        self._require(pk)
        return Response(selectors.step_detail(pk, n))

    @extend_schema(responses=OpenApiTypes.OBJECT, examples=examples.CONTEXT)
    @action(detail=True, methods=["get"], url_path="steps/<int:n>/context", url_name="step-context")
    def step_context(self, request: Request, pk: UUID, n: int) -> Response:
        """The manifest of a model step: what was in the prompt, byte by byte, and what was left out and why."""
        return Response(step_context(selectors.get_run(self.principal.workspace_id, pk), n))

    @extend_schema(
        parameters=[OpenApiParameter("after", int, description="Only events after this sequence number.")],
        responses={
            (200, "application/json"): serializers.EventSerializer(many=True),
            303: OpenApiResponse(description="For `Accept: text/event-stream`: go to Location, on `live`."),
        },
        filters=False,
    )
    @action(detail=True, methods=["get"], renderer_classes=[FastJSONRenderer, EventStreamRenderer])
    def events(self, request: Request, pk: UUID) -> Response | SeeOther:
        """The run's history. With `Accept: text/event-stream` the answer is at `live`."""
        self._require(pk)
        after = _after(request)
        if SSE in request.headers.get("Accept", ""):
            return SeeOther(self._live(pk, "events", after))
        self.ordering = "seq"
        page = self.paginate_queryset(selectors.events_of(pk, after=after))
        return self.get_paginated_response([selectors.event_json(event) for event in page or []])

    @extend_schema(responses=WholeRunSerializer)
    @action(detail=True, methods=["get"])
    def export(self, request: Request, pk: UUID) -> Response:
        """Everything the platform holds about the run."""
        return Response(selectors.run_export(self.principal.workspace_id, pk))

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """A redirect that is replayed for its Idempotency-Key gets a new ticket; the kept one has run out."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code == SeeOther.status_code and response.has_header("Idempotent-Replayed"):
            *_, run_id, what = urlsplit(response["Location"]).path.split("/")
            response["Location"] = self._live(UUID(run_id), what)
        return response

    def _require(self, run_id: UUID) -> None:
        if not Run.objects.filter(workspace_id=self.principal.workspace_id, id=run_id).exists():
            raise RunNotFound

    def _origin(self) -> services.Origin:
        request_id = getattr(self.request, "request_id", "")
        return services.Origin.of(self.principal, request_id)

    def _live(self, run_id: UUID, what: str, after: int = 0) -> str:
        """The run's address on `live`, with a ticket, because clients drop the credential on the way there."""
        query = {"ticket": issue_ticket(run_id, self.principal.workspace_id)} | ({"after": after} if after else {})
        return f"{settings.CEF_LIVE_URL}/api/v1/runs/{run_id}/{what}?{urlencode(query)}"


class ThreadViewSet(WorkspaceViewSet):
    """Conversations: runs of a thread see each other's messages, one after the other."""

    queryset = Thread.objects.all()
    serializer_class = serializers.ThreadSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Permission.THREADS_READ,
        "retrieve": Permission.THREADS_READ,
        "create": Permission.THREADS_WRITE,
        "fork": Permission.THREADS_WRITE,
    }

    @extend_schema(responses=serializers.ThreadSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The workspace's threads, the newest first."""
        threads: QuerySet[Thread] = self.get_queryset()
        page = self.paginate_queryset(threads)
        return self.get_paginated_response(serializers.ThreadSerializer(page, many=True).data)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One thread; its runs are at `/runs?thread_id=`."""
        return Response(serializers.ThreadSerializer(self.get_object()).data)

    @extend_schema(request=serializers.ThreadSerializer, responses={201: serializers.ThreadSerializer})
    def create(self, request: Request) -> Response:
        """Open a conversation."""
        wanted = validated(serializers.ThreadSerializer, request)
        thread = services.create_thread(self.principal.workspace_id, **wanted)
        return Response(serializers.ThreadSerializer(thread).data, status=201)

    @extend_schema(request=serializers.ForkSerializer, responses={201: serializers.ThreadSerializer})
    @action(detail=True, methods=["post"])
    def fork(self, request: Request, pk: UUID) -> Response:
        """Copy the conversation, up to a run of it, into a new one."""
        thread = services.fork_thread(self.principal.workspace_id, pk, **validated(serializers.ForkSerializer, request))
        return Response(serializers.ThreadSerializer(thread).data, status=201)


def _other(request: Request) -> UUID:
    try:
        return UUID(request.query_params.get("with", ""))
    except ValueError:
        fault = Fault("/with", "invalid", "Name the other run by its id.")
        raise InvalidInput(errors=[fault]) from None


def _after(request: Request) -> int:
    given = request.query_params.get("after", "0")
    if given.isascii() and given.isdigit() and len(given) <= 18:
        return int(given)
    fault = Fault("/after", "invalid", "This is no sequence number.")
    raise InvalidInput(errors=[fault])
