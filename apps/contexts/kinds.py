"""The closed vocabularies of contexts: what an entry is, where it came from, how far it is trusted."""

from django.db import models


class EntryKind(models.TextChoices):
    """What an entry is for."""

    INSTRUCTION = "instruction"
    FACT = "fact"
    MEMORY = "memory"
    CONVERSATION = "conversation"
    DOCUMENT = "document"


class Source(models.TextChoices):
    """Who spoke. The order is the order of the assembly's tiers: a later one never displaces an earlier one."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    AGENT = "agent"
    TOOL = "tool"
    RETRIEVAL = "retrieval"


class Trust(models.TextChoices):
    """How far the content may be believed."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class ContentType(models.TextChoices):
    """How the stored bytes are to be read."""

    TEXT = "text"
    JSON = "json"
    DOCUMENT = "document"
