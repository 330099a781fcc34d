"""What running a tool does to the world, which decides what a replay may do."""

from django.db.models import TextChoices


class Effect(TextChoices):
    """An undeclared effect is `UNSAFE`.

    - `READ_ONLY` changes nothing: it may run again whenever its result was not recorded.
    - `IDEMPOTENT` may run again with the same `ToolCall.idempotency_key` and has then one effect.
    - `UNSAFE` is never executed again once it was started: a person decides.
    """

    READ_ONLY = "read_only", "Read only"
    IDEMPOTENT = "idempotent", "Idempotent"
    UNSAFE = "unsafe", "Unsafe"
