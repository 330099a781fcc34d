"""Strict serializers refuse what they do not know."""

import pytest
from rest_framework import serializers

from apps.core.serializers import StrictSerializer


class Inner(StrictSerializer):
    x = serializers.IntegerField()


class Body(StrictSerializer):
    name = serializers.CharField()
    id = serializers.CharField(read_only=True)
    inner = Inner(required=False)


def codes(data: object) -> object:
    body = Body(data=data)
    with pytest.raises(serializers.ValidationError) as caught:
        body.is_valid(raise_exception=True)
    return caught.value.get_codes()


def test_it_works() -> None:
    body = Body(data={"name": "a", "inner": {"x": 1}})
    assert body.is_valid()
    assert body.validated_data == {"name": "a", "inner": {"x": 1}}


def test_unknown_and_read_only_keys_are_refused() -> None:
    assert codes({"name": "a", "role": "owner", "id": "1"}) == {"role": ["unknown_field"], "id": ["read_only_field"]}


def test_all_faults_are_told_at_once() -> None:
    assert codes({"typo": 1}) == {"typo": ["unknown_field"], "name": ["required"]}


def test_nested_unknown_keys_too() -> None:
    assert codes({"name": "a", "inner": {"x": 1, "y": 2}}) == {"inner": {"y": ["unknown_field"]}}


@pytest.mark.parametrize("data", [[], "text", 5, None])
def test_what_is_no_object_is_refused(data: object) -> None:
    assert not Body(data=data).is_valid()
