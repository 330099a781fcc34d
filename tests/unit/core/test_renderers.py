"""Answers are JSON whatever is in them."""

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy

from apps.core.renderers import FastJSONRenderer


def rendered(data: object) -> bytes:
    return FastJSONRenderer().render(data)


def test_rows_of_values_need_no_serializer() -> None:
    row = {
        "id": uuid.UUID("0199f0a2-1f7c-7b1e-9d55-3c1f6f1e2a10"),
        "created_at": datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        "cost": Decimal("0.10"),
        "label": gettext_lazy("Home"),
        "name": "é",
    }
    assert (
        rendered([row])
        == (
            '[{"id":"0199f0a2-1f7c-7b1e-9d55-3c1f6f1e2a10","created_at":"2026-11-23T09:30:00Z",'
            '"cost":"0.10","label":"Home","name":"é"}]'
        ).encode()
    )


def test_nothing_is_no_body() -> None:
    assert rendered(None) == b""


def test_lone_surrogates_nul_and_big_integers_are_escaped_not_lost() -> None:
    value = {"text": "a\ud800\0", "n": 2**70, "at": Decimal("1.5")}
    assert json.loads(rendered(value)) == {"text": "a\ud800\0", "n": 2**70, "at": "1.5"}
