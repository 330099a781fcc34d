"""The same POST under the same key has one effect and one answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models.functions import Now
from rest_framework.test import APIClient

from apps.accounts.models import Membership, ServiceAccount
from apps.accounts.permissions import Role
from apps.core.idempotency import erase_answers
from apps.core.models import IdempotencyKey
from tests.integration.accounts.people import bearer, join, key_of, make_user

pytestmark = pytest.mark.urls("tests.integration.core.probe")
PROBE = "/api/v1/probe"


def post(client: APIClient, key: str, name: str = "one", path: str = PROBE) -> Any:
    return client.post(path, {"name": name}, format="json", headers={"Idempotency-Key": key})


def names() -> list[str]:
    return list(ServiceAccount.objects.order_by("name").values_list("name", flat=True))


def test_it_works(client: APIClient) -> None:
    first, again = post(client, "k"), post(client, "k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first["Location"] == again["Location"] == f"/probe/{first.json()['id']}"
    assert first["Content-Type"] == again["Content-Type"] == "application/json"
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert names() == ["one"]


def test_the_bodys_key_order_and_spacing_do_not_matter(client: APIClient) -> None:
    headers = {"Idempotency-Key": "k"}
    bodies = [b'{"a": 1, "b": [2]}', b'{"b":[2],"a":1.0}']
    answers = [client.post(f"{PROBE}/echo", body, content_type="application/json", headers=headers) for body in bodies]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1]["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(("name", "path"), [("two", PROBE), ("one", f"{PROBE}?x=1"), ("one", f"{PROBE}/redirect")])
def test_another_request_under_the_key_is_refused(client: APIClient, name: str, path: str) -> None:
    post(client, "k")
    answer = post(client, "k", name, path)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert names() == ["one"]


def test_without_a_key_every_try_has_its_effect(client: APIClient) -> None:
    assert client.post(PROBE, {"name": "a"}, format="json").status_code == 201
    assert client.post(PROBE, {"name": "b"}, format="json").status_code == 201
    assert names() == ["a", "b"]
    assert not IdempotencyKey.objects.exists()


def test_a_redirect_to_another_process_is_replayed_too(client: APIClient) -> None:
    first = post(client, "k", path=f"{PROBE}/redirect")
    again = post(client, "k", path=f"{PROBE}/redirect")
    assert (first.status_code, again.status_code) == (303, 303)
    assert first["Location"] == again["Location"] == "http://live/runs/1"
    assert names() == ["one"]


@pytest.mark.parametrize(("name", "status"), [("refuse", 409), ("x" * 51, 422)])
def test_a_failed_answer_leaves_no_effect_and_is_not_stored(client: APIClient, name: str, status: int) -> None:
    assert post(client, "k", name).status_code == status
    assert names() == []
    assert not IdempotencyKey.objects.exists()
    assert post(client, "k", "now good").status_code == 201
    assert names() == ["now good"]


def test_a_name_that_is_taken_is_a_conflict_and_leaves_nothing(client: APIClient) -> None:
    post(client, "k1")
    answer = post(client, "k2")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
    assert [row.key for row in IdempotencyKey.objects.all()] == ["k1"]


def test_the_same_key_of_another_principal_is_another_key(
    client: APIClient, stranger: APIClient, member: Membership
) -> None:
    colleague = bearer(key_of(join(member.workspace, make_user("dora"), Role.BUILDER)).text)
    answers = [post(client, "k", "one"), post(colleague, "k", "two"), post(stranger, "k", "one")]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_two_api_keys_of_one_person_share_their_idempotency_keys(client: APIClient, member: Membership) -> None:
    first, again = post(client, "k"), post(bearer(key_of(member).text), "k")
    assert first.json() == again.json()


def test_an_answer_is_kept_for_24_hours(client: APIClient) -> None:
    post(client, "k")
    row = IdempotencyKey.objects.get()
    assert abs(row.expires_at - row.created_at - timedelta(hours=24)) < timedelta(seconds=1)
    IdempotencyKey.objects.update(expires_at=Now() - timedelta(milliseconds=1))
    answer = post(client, "k", "two")
    assert (answer.status_code, "Idempotent-Replayed" in answer) == (201, False)
    assert names() == ["one", "two"]
    assert post(client, "k", "two")["Idempotent-Replayed"] == "true"
    assert IdempotencyKey.objects.get().expires_at > row.created_at + timedelta(hours=23)


@pytest.mark.parametrize("key", ["", "   ", "k" * 256])
def test_an_empty_or_long_key_is_refused(client: APIClient, key: str) -> None:
    answer = post(client, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert names() == []


def test_a_key_of_255_characters_is_fine(client: APIClient) -> None:
    assert post(client, "k" * 255).status_code == 201


def test_the_stored_answer_cannot_be_read_from_the_table(client: APIClient) -> None:
    answer = post(client, "k")
    stored = bytes(IdempotencyKey.objects.get().body)
    assert stored.startswith(b"v1:")
    assert answer.json()["id"].encode() not in stored


def test_what_has_been_erased_is_not_answered_again_and_not_made_again(client: APIClient) -> None:
    first, other = post(client, "k"), post(client, "other", "two")
    erase_answers(UUID(first.json()["id"]))
    assert bytes(IdempotencyKey.objects.get(key="k").body) == b""
    again = post(client, "k")
    assert (again.status_code, again.json()["code"]) == (410, "answer_erased")
    assert post(client, "other", "two").content == other.content
    assert names() == ["one", "two"]


def test_reading_ignores_the_header(client: APIClient) -> None:
    assert client.get(PROBE, headers={"Idempotency-Key": "k"}).status_code == 200
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_have_one_effect(member: Membership) -> None:
    text = key_of(member).text
    together = threading.Barrier(4)

    def attempt(_: int) -> tuple[int, str]:
        try:
            together.wait(timeout=10)
            answer = post(bearer(text), "k", "slow")
            return answer.status_code, answer.json().get("code", "done")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(attempt, range(4)))
    assert answers == [(201, "done")] + [(409, "idempotency_in_flight")] * 3
    assert names() == ["slow"]
    assert post(bearer(text), "k", "slow")["Idempotent-Replayed"] == "true"
