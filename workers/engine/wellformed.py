"""What goes to a model is valid Unicode: tools and models do answer with half a surrogate pair, which nobody can send.

The journal keeps what was answered as it was; only the copy that a later request carries is mended.
"""

from collections.abc import Mapping
from dataclasses import replace
from operator import is_
from typing import Any

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel

_TEXTS = ("content", "args")
"""Where the parts of messages hold what somebody said."""


class WellFormedModel(WrapperModel):
    """Replaces lone surrogates by U+FFFD in all that a request repeats, and joins the pairs."""

    def prepare_messages(
        self, messages: list[ModelMessage], model_request_parameters: ModelRequestParameters | None = None
    ) -> list[ModelMessage]:
        return super().prepare_messages([_mended_message(message) for message in messages], model_request_parameters)


def mended(value: Any) -> Any:
    """The value with valid Unicode in all its texts; the same object when they are valid already."""
    if isinstance(value, str):
        return value if value.isascii() or _is_valid(value) else _joined(value)
    if isinstance(value, Mapping):
        pairs = [(mended(key), mended(item)) for key, item in value.items()]
        same = all(key is old and item is value[old] for (key, item), old in zip(pairs, value, strict=True))
        return value if same else dict(pairs)
    if isinstance(value, list | tuple):
        items = [mended(item) for item in value]
        return value if all(map(is_, items, value)) else items
    return value


def _mended_message(message: ModelMessage) -> ModelMessage:
    parts: Any = [_mended_part(part) for part in message.parts]
    return message if all(map(is_, parts, message.parts)) else replace(message, parts=parts)


def _mended_part(part: Any) -> Any:
    texts = {name: getattr(part, name) for name in _TEXTS if hasattr(part, name)}
    changed = {name: new for name, old in texts.items() if (new := mended(old)) is not old}
    return replace(part, **changed) if changed else part


def _is_valid(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _joined(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
