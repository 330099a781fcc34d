"""Alice calls the API of her workspace by key, Charlie that of his; the doorbell has not been rung."""

from tests.integration.api.conftest import _silence, bob, client, stranger

__all__ = ["_silence", "bob", "client", "stranger"]
