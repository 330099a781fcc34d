"""News of runs on the live streams, and the tickets that open one."""

import logging
import socket
import time
from uuid import UUID

import pytest
from django.core.signing import TimestampSigner, b62_encode
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.core.exceptions import NotAuthenticated
from apps.core.ids import new_id
from apps.runs.live import (
    Announcer,
    Delta,
    EventNotice,
    all_shards,
    decode,
    encode_delta,
    encode_event,
    shard_key,
)
from apps.runs.tickets import issue_ticket, redeem_ticket

RUN = UUID("01937b6e-0000-7000-8000-00000000002a")


def test_it_works() -> None:
    assert decode(encode_event(RUN, 7)) == EventNotice(RUN, 7, passing=False)
    assert decode(encode_event(RUN, 7, passing=True)) == EventNotice(RUN, 7, passing=True)
    assert decode(encode_delta(RUN, "Guten Tag")) == Delta(RUN, "Guten Tag")


@given(st.text(st.characters(codec=None)))
def test_every_text_survives(text: str) -> None:
    assert decode(encode_delta(RUN, text)) == Delta(RUN, text)


def test_a_run_stays_on_one_of_sixteen_streams() -> None:
    shards = all_shards()
    assert len(set(shards)) == 16
    assert shard_key(RUN) == shards[0x2A % 16]
    assert {shard_key(UUID(int=number)) for number in range(64)} == set(shards)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"run": b"short", b"kind": b"event", b"data": b"1"},
        {b"run": RUN.bytes, b"kind": b"event", b"data": b"one"},
        {b"run": RUN.bytes, b"kind": b"delta", b"data": b"not json"},
        {b"run": RUN.bytes, b"kind": b"delta", b"data": b"[]"},
        {b"run": RUN.bytes, b"kind": b"song", b"data": b"{}"},
    ],
)
def test_foreign_entries_are_refused(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(ValueError):
        decode(fields)


def test_announcing_without_redis_is_quick_and_then_skipped(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts and never answers
        port = deaf.getsockname()[1]
        redis = Redis(port=port, socket_timeout=0.1, socket_connect_timeout=0.1, retry=Retry(NoBackoff(), 0))
        announcer = Announcer(redis)
        with caplog.at_level(logging.WARNING):
            started = time.monotonic()
            announcer.announce(RUN, 1)
            first = time.monotonic() - started
            for seq in range(2, 1000):
                announcer.announce(RUN, seq)
            rest = time.monotonic() - started - first
    assert first < 0.5
    assert rest < 0.1
    assert [record.getMessage() for record in caplog.records] == [
        "Live readers were not told of event 1: Timeout reading from socket"
    ]


def test_a_ticket_opens_its_run() -> None:
    workspace = new_id()
    assert redeem_ticket(issue_ticket(RUN, workspace), RUN) == workspace


def test_a_ticket_opens_no_other_run() -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        redeem_ticket(issue_ticket(RUN, new_id()), new_id())
    assert refusal.value.code == "ticket_invalid"


@pytest.mark.parametrize("forgery", ["", "nonsense", "0" * 32 + ":1tabc:" + "A" * 43])
def test_a_forged_ticket_opens_nothing(forgery: str) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        redeem_ticket(forgery, RUN)
    assert refusal.value.code == "ticket_invalid"


def test_a_ticket_expires_after_a_minute() -> None:
    class OldSigner(TimestampSigner):
        def timestamp(self) -> str:
            return b62_encode(int(time.time()) - 61)

    old = OldSigner(salt=f"cef.live.ticket:{RUN}").sign(new_id().hex)
    with pytest.raises(NotAuthenticated) as refusal:
        redeem_ticket(old, RUN)
    assert refusal.value.code == "ticket_expired"
