"""Messages that can be sent as UTF-8: tools and users do produce lone surrogates, and no provider takes them."""

from typing import Any

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter


def sendable(messages: list[ModelMessage]) -> list[ModelMessage]:
    """The messages with each lone surrogate replaced by a question mark; the given ones stay as they are."""
    return ModelMessagesTypeAdapter.validate_python(_replaced(ModelMessagesTypeAdapter.dump_python(messages)))


def _replaced(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_replaced(key): _replaced(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item) for item in value]
    return value
