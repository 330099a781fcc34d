"""How rows whose payload lies apart are found by it: partial indexes, which need no upkeep when rows are copied."""

from django.db import models

from apps.runs.payloads import REFERENCES


def refers(column: str) -> models.Q:
    """That the column holds a reference and not the payload itself."""
    first, end = REFERENCES
    return models.Q(**{f"{column}__gte": first, f"{column}__lt": end})


def reference_index(column: str, name: str) -> models.Index:
    """Finds the rows that refer to some payload."""
    return models.Index(fields=[column], name=name, condition=refers(column))
