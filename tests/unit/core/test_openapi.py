"""The OpenAPI document is valid, free of warnings, and says of every operation what a caller must know."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from apps.core.problems import MEDIA_TYPE

# Their address holds the credential.
OPEN_DOORS = {"POST /api/v1/events/{token}"}


@cache
def document() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", method, operation


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The request's and the good answers' content, whatever the media type."""
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    for part in (operation.get("requestBody", {}), *answers):
        yield from part.get("content", {}).values()


def test_it_is_valid_openapi_3_1_without_warnings() -> None:
    schema = document()
    assert schema["openapi"] == "3.1.1"
    assert (list(GENERATOR_STATS._warn_cache), list(GENERATOR_STATS._error_cache)) == ([], [])
    validate_schema(schema)


def test_ids_are_resource_and_action_and_unique() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    assert {"me_show", "runs_create", "runs_list", "api_keys_revoke"} <= set(ids)
    assert [one for one in ids if not one.replace("_", "").isalnum() or one != one.lower()] == []


def test_every_operation_documents_its_problems_and_credentials() -> None:
    for name, method, operation in operations():
        problems = {
            status for status, answer in operation["responses"].items() if MEDIA_TYPE in answer.get("content", {})
        }
        wanted = {"400", "401", "403", "500", "503"} | (
            {"422", "413", "415", "409"} if method in {"post", "patch"} else set()
        )
        assert problems >= wanted, name
        assert ("404" in problems) or "{" not in name, name
        credentials = [] if name in OPEN_DOORS else [{"apiKey": []}, {"browserSession": []}]
        assert operation.get("security", []) == credentials, name
        assert operation["x-permission"], name


def test_every_post_offers_an_idempotency_key() -> None:
    for name, method, operation in operations():
        headers = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"]
        assert ("Idempotency-Key" in headers) is (method == "post" and name not in OPEN_DOORS), name


def test_every_body_has_an_example() -> None:
    missing = [
        name
        for name, _, operation in operations()
        for content in bodies(operation)
        if "examples" not in content and "example" not in content
    ]
    assert missing == []


def test_every_operation_has_a_summary() -> None:
    assert [name for name, _, operation in operations() if not operation.get("summary")] == []


def test_strict_requests_say_that_they_are() -> None:
    assert document()["components"]["schemas"]["NewMemberRequest"]["additionalProperties"] is False
