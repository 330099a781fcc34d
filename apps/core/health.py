"""Whether this process can do its work: what load balancers and orchestrators ask."""

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from redis import RedisError

from apps.core import redis


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the database answers, else 503. A Redis that is away is told and forgiven: submitting goes on."""
    database, doorbell = _database_answers(), _redis_answers()
    body = {"database": _word(database), "redis": _word(doorbell)}
    return JsonResponse(body, status=200 if database else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(redis.client().ping())
    except RedisError:
        return False


def _word(answers: bool) -> str:
    return "ok" if answers else "unreachable"
