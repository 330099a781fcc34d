"""Pages over tables that may hold millions of rows, where nobody waits for a full count."""

from functools import cached_property
from typing import Any, Final, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet

CAP: Final = 5000
"""How many rows are counted and paged through; beyond that a filter finds what a page number cannot."""


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # no generic at run time
    """Counts at most 5,000 rows."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return len(rows.order_by("-pk").values_list("pk", flat=True)[:CAP])
