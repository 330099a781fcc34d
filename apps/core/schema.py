"""The OpenAPI document: stable operation ids, and every operation with the problems it may answer."""

from typing import Any, Final, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_parameter_type, force_instance
from rest_framework import serializers

from apps.core.idempotency import HEADER, MAX_LENGTH
from apps.core.problems import MEDIA_TYPE
from apps.core.serializers import Strict

Direction = Literal["request", "response"]

_ACTIONS: Final = {"partial_update": "update", "destroy": "delete"}
_ALWAYS: Final = {
    400: "The request cannot be read.",
    401: "No valid credential.",
    403: "The credential does not permit this.",
    500: "Something went wrong on our side.",
    503: "Cannot be served now; see Retry-After.",
}
_ONE_ROW: Final = {404: "There is no such thing in this workspace."}
_WRITE: Final = {
    409: "The present state forbids this.",
    413: "The body is too large.",
    415: "The body's media type is not supported.",
    422: "The input is not valid; `errors` says where.",
}
_POST: Final = {410: "What an earlier try under this Idempotency-Key made has been erased."}
_LIST: Final = {422: "A filter is not valid; `errors` says which."}


class FaultSerializer(serializers.Serializer[Any]):
    """One thing wrong with the input."""

    pointer = serializers.CharField(help_text="JSON pointer (RFC 6901) into the body, or `/<name>` of a parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(allow_null=True)
    code = serializers.CharField(help_text="Stable, for programs.")
    errors = FaultSerializer(many=True)  # type: ignore[assignment]  # DRF takes fields off the class
    request_id = serializers.CharField(allow_null=True)


class ProblemAwareSchema(AutoSchema):
    """Names operations `<resource>_<action>` and documents problem+json and Idempotency-Key once for all."""

    def get_operation_id(self) -> str:
        return f"{self._resource()}_{self._action()}".replace("-", "_")

    def get_summary(self) -> str:
        """What an operation is called that does not say so itself: "List runs", "Cancel run"."""
        resource, action = (name.replace("-", " ").replace("_", " ") for name in (self._resource(), self._action()))
        return f"{action} {resource if action == 'list' else resource.removesuffix('s')}".capitalize()

    def _resource(self) -> str:
        return getattr(self.view, "basename", None) or "_".join(self._tokenize_path())

    def _action(self) -> str:
        action: str = getattr(self.view, "action", None) or self.method_mapping[self.method.lower()]
        return _ACTIONS.get(action, action)

    def _get_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_parameters()
        if self.method == "POST" and getattr(self.view, "answers_once", True):
            schema = {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH}
            description = "Makes trying again safe: the same key and body give the same answer for 24 hours."
            parameters.append(build_parameter_type(HEADER, schema, "header", description=description))
        return parameters

    def get_extensions(self) -> dict[str, Any]:
        needed = getattr(self.view, "permissions", {}).get(getattr(self.view, "action", None))
        return {**super().get_extensions(), **({"x-permission": str(needed)} if needed else {})}

    def _map_serializer(self, serializer: Any, direction: Direction, bypass_extensions: bool = False) -> dict[str, Any]:
        serializer = force_instance(serializer)  # type: ignore[no-untyped-call]
        schema: dict[str, Any]
        schema = super()._map_serializer(serializer, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(serializer, Strict):
            schema["additionalProperties"] = False
        return schema

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        problem = self.resolve_serializer(ProblemSerializer, direction).ref
        for status, description in sorted(self._problems().items()):
            bodies.setdefault(str(status), {"description": description, "content": {MEDIA_TYPE: {"schema": problem}}})
        return bodies

    def _problems(self) -> dict[int, str]:
        problems = dict(_ALWAYS)
        if "{" in self.path:
            problems |= _ONE_ROW
        if self.method in {"POST", "PUT", "PATCH"}:
            problems |= _WRITE | (_POST if self.method == "POST" else {})
        elif self.method == "DELETE":
            problems[409] = _WRITE[409]
        elif self._is_list_view():
            problems |= _LIST
        return problems
