"""When a process must be thought to have ceased to take messages."""

from workers.engine.watchdog import CANARY_LOOKS, Canary


class Redis:
    """What the canary sees: whether a message is taken, and whether it could come back."""

    def __init__(self) -> None:
        self.takes, self.is_free, self.sent = True, True, 0

    def canary(self) -> Canary:
        return Canary(self._send, lambda: self.is_free)

    def _send(self) -> bool:
        self.sent += self.takes
        return self.takes


def test_it_works() -> None:
    redis = Redis()
    canary = redis.canary()
    assert [canary.look() for _ in range(CANARY_LOOKS)] == [False] * (CANARY_LOOKS - 1) + [True]
    assert redis.sent == CANARY_LOOKS


def test_a_message_that_comes_back_is_a_sign_of_life() -> None:
    canary = Redis().canary()
    for _ in range(5):
        assert not any(canary.look() for _ in range(CANARY_LOOKS - 1))
        canary.hear()
        assert not canary.look()


def test_silence_of_a_redis_that_is_away_says_nothing() -> None:
    redis = Redis()
    canary = redis.canary()
    assert not any(canary.look() for _ in range(CANARY_LOOKS - 1))
    redis.takes = False
    assert not any(canary.look() for _ in range(3 * CANARY_LOOKS))
    redis.takes = True
    assert [canary.look() for _ in range(CANARY_LOOKS)] == [False] * (CANARY_LOOKS - 1) + [True], "it has time again"


def test_a_process_without_room_takes_nothing_and_is_well() -> None:
    redis = Redis()
    canary = redis.canary()
    redis.is_free = False
    assert not any(canary.look() for _ in range(3 * CANARY_LOOKS))
    redis.is_free = True
    assert not any(canary.look() for _ in range(CANARY_LOOKS - 1))
    assert canary.look()
