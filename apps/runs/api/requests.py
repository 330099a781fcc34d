"""From a checked body to what the services take."""

from typing import Any

from rest_framework.request import Request

from apps.runs.services import RunRequest
from apps.runs.states import Strategy


def validated(serializer: Any, request: Request) -> dict[str, Any]:
    """The request's body as the serializer understands it. Raises ValidationError."""
    bound = serializer(data=request.data)
    bound.is_valid(raise_exception=True)
    found: dict[str, Any] = bound.validated_data
    return found


def run_request(wanted: dict[str, Any]) -> RunRequest:
    """What `RunCreateSerializer` understood, as a request for a run."""
    optional = {name: wanted[name] for name in ("thread_id", "limits", "metadata") if wanted.get(name) is not None}
    return RunRequest(
        agent=wanted["agent"],
        input=wanted["input"],
        strategy=Strategy(wanted.get("multitask_strategy", Strategy.REJECT)),
        attachments=tuple(wanted.get("files", ())),
        streaming=True if wanted.get("mode") == "stream" else None,
        **optional,
    )
