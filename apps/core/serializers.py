"""Serializers that refuse what they do not know, instead of dropping it."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class Strict:
    """Refuses unknown and read-only keys, together with whatever else is wrong with the input."""

    def to_internal_value(self, data: Any) -> Any:
        faults = self._foreign_keys(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)  # type: ignore[misc]
        except serializers.ValidationError as error:
            if faults and isinstance(error.detail, dict):
                raise serializers.ValidationError({**faults, **error.detail}) from error
            raise
        if faults:
            raise serializers.ValidationError(faults)
        return value

    def _foreign_keys(self, data: Mapping[str, Any]) -> dict[str, list[serializers.ErrorDetail]]:
        fields: Mapping[str, serializers.Field[Any, Any, Any, Any]] = self.fields  # type: ignore[attr-defined]
        faults = {}
        for name in data:
            if name not in fields:
                faults[name] = [serializers.ErrorDetail("There is no such field.", "unknown_field")]
            elif fields[name].read_only:
                faults[name] = [serializers.ErrorDetail("This field cannot be set.", "read_only_field")]
        return faults


class StrictSerializer(Strict, serializers.Serializer[Any]):
    """A Serializer that answers 422 to unknown and read-only keys."""


class StrictModelSerializer(Strict, serializers.ModelSerializer[Any]):
    """A ModelSerializer that answers 422 to unknown and read-only keys."""
